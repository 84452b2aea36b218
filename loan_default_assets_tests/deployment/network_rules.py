"""What NetworkPolicies allow: the rules of Kubernetes for one connection between two pods, or a pod and an address.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from loan_default_assets_tests.deployment.helm_chart import NAMESPACE

Policy = dict[str, Any]
_HERE = {"kubernetes.io/metadata.name": NAMESPACE}


@dataclass(frozen=True)
class Peer:
    """A pod by its labels and namespace, or an address outside of the cluster."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: str = NAMESPACE
    address: str | None = None


def allowed(policies: list[Policy], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection passes the egress rules of its source and the ingress rules of its target."""
    return leaves(policies, source, target, port, protocol) and enters(
        policies, source, target, port, protocol
    )


def leaves(policies: list[Policy], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether the egress rules of its source allow a connection."""
    return _passes(policies, "egress", source, target, port, protocol)


def enters(policies: list[Policy], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether the ingress rules of its target allow a connection."""
    return _passes(policies, "ingress", target, source, port, protocol)


def _passes(policies: list[Policy], way: str, subject: Peer, other: Peer, port: int, protocol: str) -> bool:
    """A pod that no policy of this direction selects may do everything; otherwise one rule must allow it."""
    selecting = [
        policy["spec"]
        for policy in policies
        if subject.address is None
        and policy["metadata"]["namespace"] == subject.namespace
        and way.capitalize() in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], subject.labels)
    ]
    rules = [rule for spec in selecting for rule in spec.get(way) or []]
    peers = "to" if way == "egress" else "from"
    return not selecting or any(
        _port(rule.get("ports"), port, protocol)
        and (not rule.get(peers) or any(_is(peer, other) for peer in rule[peers]))
        for rule in rules
    )


def _port(ports: list[dict[str, Any]] | None, port: int, protocol: str) -> bool:
    return not ports or any(
        each["port"] == port and each.get("protocol", "TCP") == protocol for each in ports
    )


def _is(peer: dict[str, Any], other: Peer) -> bool:
    if "ipBlock" in peer:
        return other.address is not None and ip_address(other.address) in ip_network(peer["ipBlock"]["cidr"])
    if other.address is not None:
        return False
    names = {"kubernetes.io/metadata.name": other.namespace}
    # Without a selector of namespaces, a peer is in the namespace of the policy.
    here = _selects(peer.get("namespaceSelector", {"matchLabels": _HERE}), names)
    return here and _selects(peer.get("podSelector", {}), other.labels)


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(name) == value for name, value in wanted.items())
