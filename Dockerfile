# The server of an export, without torch: `lithoscope export`, then `make image` (docs/serving.md).
FROM python:3.11-slim AS install
WORKDIR /source
COPY pyproject.toml README.md LICENSE requirements.txt ./
COPY src src
# `deep` reads photographs of more than 8 bits and JPEG 2000; the pins are those that were tested.
RUN python -m venv /opt/lithoscope \
    && /opt/lithoscope/bin/pip install --no-cache-dir --disable-pip-version-check --constraint requirements.txt ".[serve,deep]"

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin lithoscope
COPY --from=install /opt/lithoscope /opt/lithoscope
COPY build/export /model
ENV PATH=/opt/lithoscope/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# A token, LITHOSCOPE_TOKEN, is given to the container and never stands in the image.
ENTRYPOINT ["lithoscope", "serve", "--model", "/model", "--host", "0.0.0.0", "--port", "8000"]
