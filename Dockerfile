# The image of every `romashka` command: worker, api, topics, migrate, access, simulate.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_LINK_MODE=copy UV_NO_CACHE=1 VIRTUAL_ENV=/opt/romashka
WORKDIR /src
RUN python -m venv /opt/romashka
COPY constraints.txt ./
# uv itself comes from constraints.txt too, with its hashes.
RUN awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' constraints.txt > uv.txt \
    && pip install --quiet --require-hashes -r uv.txt \
    && uv pip sync --quiet --require-hashes constraints.txt
# What only the demo and developers need: the embedded database alone is 533 MB.
RUN uv pip uninstall --quiet chdb chdb-core cyclonedx-bom hypothesis import-linter kubernetes-validate mypy pytest ruff testcontainers uv
# For hatch_build.py; the image itself has no compiler.
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY models ./models
COPY streams ./streams
COPY jobs ./jobs
COPY detectors ./detectors
COPY sinks ./sinks
COPY storage ./storage
COPY kpis ./kpis
COPY simulator ./simulator
COPY embedded ./embedded
COPY dashboards ./dashboards
COPY reports ./reports
COPY api ./api
COPY collector ./collector
COPY cli ./cli
COPY tracker ./tracker
# hatchling was installed above, with its hash: nothing is fetched here.
RUN uv pip install --quiet --no-deps --no-build-isolation . ./tracker \
    && python -m compileall -q /opt/romashka/lib

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 romashka \
    && useradd --uid 10001 --gid romashka --no-create-home --home-dir /tmp --shell /usr/sbin/nologin romashka \
    # A volume that is mounted here for the first time gets this owner.
    && install --directory --owner=romashka --group=romashka /var/lib/romashka/reports
COPY --from=build /opt/romashka /opt/romashka
ENV PATH=/opt/romashka/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 8080 9464
# For the worker; the API has a check of its own where it is run, and jobs end before the first one.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/ready', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["romashka"]
CMD ["worker"]
