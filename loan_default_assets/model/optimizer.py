"""AdamW as torch computes it, without torch's compiler; docs/decisions/optimizer-without-compiler.md."""

import inspect

import torch


class EagerAdamW(torch.optim.AdamW):
    """`torch.optim.AdamW` that is never traced, so that no process of a training imports `torch._dynamo`.

    torch wraps these three methods in functions that import its compiler and then call them.

    Examples:
        >>> weight = torch.nn.Parameter(torch.ones(2))
        >>> optimizer = EagerAdamW([weight], lr=0.1, weight_decay=0.0, fused=True)
        >>> (3 * weight).sum().backward()
        >>> optimizer.step()
        >>> weight.tolist()
        [0.8999999761581421, 0.8999999761581421]
    """

    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
