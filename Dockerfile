# Linli for compose.yaml: the libraries from the lock (wheels only), then Linli itself.
FROM python:3.12-slim

RUN useradd --system --home-dir /var/lib/linli --create-home linli
WORKDIR /app
COPY requirements.lock requirements-build.lock ./
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes \
    -r requirements.lock -r requirements-build.lock
COPY . .
RUN pip install --no-cache-dir --no-build-isolation '.[postgres]'

USER linli
VOLUME /var/lib/linli
EXPOSE 8000
CMD ["linli", "serve", "--no-jobs", "--host", "0.0.0.0"]
