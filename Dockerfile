# The API and the command line. No Docker engine was at hand when this file was written: tests/house/test_containers.py checks its
# sources, commands and settings, but the image was not built.

FROM node:24-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --ignore-scripts
COPY web/index.html web/tsconfig.json web/vite.config.ts ./
COPY web/src src
RUN npm run build

FROM python:3.11-slim AS service
# LightGBM's wheel brings no OpenMP runtime
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 shelfgraph \
    && install --directory --owner=shelfgraph --group=shelfgraph /var/lib/shelfgraph
WORKDIR /srv/shelfgraph
COPY requirements/bootstrap.txt requirements/run.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt \
    && pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY LICENSE pyproject.toml ./
COPY kit kit
COPY ontology ontology
COPY governance governance
COPY lake lake
COPY kg kg
COPY ingest ingest
COPY features features
COPY gnn gnn
COPY decisions decisions
COPY pipeline pipeline
COPY api api
COPY bench bench
COPY cli cli
COPY --from=web /web/dist web/dist
# the rooms are imported from where they lie, as in a checkout
RUN printf '#!/bin/sh\nexec python -c "from cli.main import main; main()" "$@"\n' > /usr/local/bin/shelfgraph \
    && chmod 755 /usr/local/bin/shelfgraph
ENV PYTHONPATH=/srv/shelfgraph \
    PYTHONUNBUFFERED=1 \
    SHELFGRAPH_HOME=/var/lib/shelfgraph \
    SHELFGRAPH_HOST=127.0.0.1 \
    SHELFGRAPH_PORT=8080
USER shelfgraph
VOLUME /var/lib/shelfgraph
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=5 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"SHELFGRAPH_PORT\"]}/health', timeout=2)"]
CMD ["shelfgraph", "serve"]
