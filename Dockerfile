# Any image with Python 3.11 or newer, its venv module and glibc, at least of Debian 12's age.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/build.txt requirements/image.txt requirements/
RUN python3 -m venv tools \
    && python3 -m venv --without-pip /opt/crypto-exchange \
    && tools/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt \
    && tools/bin/pip --python /opt/crypto-exchange/bin/python install \
       --require-hashes --only-binary :all: -r requirements/image.txt
COPY pyproject.toml README.md ./
COPY src src
RUN tools/bin/pip wheel --no-build-isolation --no-deps --wheel-dir wheels . \
    && tools/bin/pip --python /opt/crypto-exchange/bin/python install \
       --no-index --no-deps wheels/*.whl

FROM ${BASE}
# Only the paper exchange writes, and only to /data: the root file system may be read-only.
RUN mkdir /data && chown 10001:10001 /data
COPY --from=build /opt/crypto-exchange /opt/crypto-exchange
ENV PATH=/opt/crypto-exchange/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    HOST=0.0.0.0 \
    LOG_FORMAT=json
WORKDIR /data
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["crypto-exchange"]
CMD ["--help"]
