# The image of every `romashka` command: worker, topics, migrate, access, simulate.

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
RUN uv pip uninstall --quiet chdb chdb-core hypothesis import-linter mypy pytest ruff testcontainers uv
COPY pyproject.toml README.md LICENSE ./
COPY models ./models
COPY streams ./streams
COPY detectors ./detectors
COPY sinks ./sinks
COPY kpis ./kpis
COPY simulator ./simulator
COPY embedded ./embedded
COPY dashboards ./dashboards
COPY reports ./reports
COPY api ./api
COPY cli ./cli
COPY tracker ./tracker
# hatchling was installed above, with its hash: nothing is fetched here.
RUN uv pip install --quiet --no-deps --no-build-isolation . ./tracker \
    && python -m compileall -q /opt/romashka/lib

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 romashka \
    && useradd --uid 10001 --gid romashka --no-create-home --home-dir /tmp --shell /usr/sbin/nologin romashka
COPY --from=build /opt/romashka /opt/romashka
ENV PATH=/opt/romashka/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
EXPOSE 9464
# For the worker, whose metrics answer once it is ready; jobs end before the first check.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9464/metrics', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["romashka"]
CMD ["worker"]
