# One image for every role: Dagster's code location, webserver and daemon, and the service. amd64 and arm64.

# Debian or a derivative, with Python 3.11 to 3.13 and its venv module.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS dependencies
# Index of PyTorch's CPU wheels. Empty: the wheel of the default index, which on amd64 includes CUDA (gigabytes).
ARG TORCH_INDEX_URL=
ENV PATH=/opt/venv/bin:$PATH
RUN python3 -m venv /opt/venv
WORKDIR /build
COPY pyproject.toml deploy/docker/requirements.py deploy/docker/constraints.txt ./
# Every package but torch has a version and hashes in constraints.txt, torch's own dependencies included; torch comes
# from another index, whose wheels have other hashes. The last two commands find a package that is missing or another
# version than required.
# The configuration of a package mirror is a secret and not part of the image:
# docker build --secret id=pip_conf,src=pip.conf
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=cache,target=/var/cache/pip \
    export PIP_CACHE_DIR=/var/cache/pip \
    && python requirements.py pyproject.toml > requirements.txt \
    && pip install --require-hashes --no-deps --requirement constraints.txt \
    && pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} "$(grep '^torch==' requirements.txt)" \
    && pip install --no-index --requirement requirements.txt \
    && pip check

# Only for `docker build --target sbom --output type=local,dest=. .`: the packages as CycloneDX, listed by a tool that is
# not one of them.
FROM dependencies AS package-list
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python3 -m venv /opt/sbom \
    && /opt/sbom/bin/pip install "$(grep -o 'cyclonedx-bom[^"]*' pyproject.toml)" \
    && /opt/sbom/bin/cyclonedx-py environment --spec-version 1.6 --output-reproducible --pyproject pyproject.toml \
        --output-file image.cdx.json /opt/venv/bin/python

FROM scratch AS sbom
COPY --from=package-list /build/image.cdx.json /

FROM ${BASE_IMAGE}
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BENTOML_DO_NOT_TRACK=True \
    LOAN_DEFAULT_HOME=/var/lib/loan-default \
    DAGSTER_HOME=/var/lib/loan-default/dagster
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/loan-default --shell /usr/sbin/nologin loan \
    && install --directory --mode 0700 --owner loan --group loan /var/lib/loan-default \
    && install --directory --owner loan --group loan --mode 0700 /signing
COPY --from=dependencies /opt/venv /opt/venv
WORKDIR /app
COPY . .
# Editable, because `sql/` and `dagster.yaml` are read from the folder of the packages. Needs no network.
RUN pip install --no-deps --no-build-isolation --no-index --editable . \
    && python -m compileall -q loan_default_assets bento deploy
USER loan
VOLUME /var/lib/loan-default
EXPOSE 8000 50051
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD ["python", "deploy/docker/health.py", "service"]
CMD ["python", "-m", "bento"]
