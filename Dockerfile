# syntax=docker/dockerfile:1
# The portal with everything it needs but a database: set PORTAL_DATABASE_URL, or mount a volume at /data for the embedded one.
# glibc, since the wheels of PostgreSQL, uvloop and cryptography are built for it.

FROM python:3.13-slim AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /portal
# The locked packages first: this layer stays until a lock changes.
COPY requirements/run.txt requirements/run.txt
RUN /portal/bin/pip install --require-hashes --only-binary :all: -r requirements/run.txt
COPY pyproject.toml README.md ./
COPY portal portal
COPY templates templates
COPY static static
COPY migrations migrations
RUN /portal/bin/pip install --no-deps --no-build-isolation . \
 && /portal/bin/pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --user-group --home-dir /data --no-create-home portal \
 && install --directory --owner portal --group portal --mode 0700 /data
COPY --from=build /portal /portal
ENV PATH=/portal/bin:$PATH PORTAL_DATA_DIR=/data PORTAL_LOG_FORMAT=json PYTHONUNBUFFERED=1
USER portal
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["portal"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
