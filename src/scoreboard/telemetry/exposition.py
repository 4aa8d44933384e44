"""How metrics are told to those who scrape."""

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.exposition import choose_encoder


def serve_metrics(host: str, port: int) -> None:
    """Answer scrapes on a port of their own, never through the ingress. Port 0 leaves it out."""
    if port:
        start_http_server(port, addr=host)


def exposed(accept: str) -> tuple[str, bytes]:
    """All metrics as the scraper's Accept header asks, with their content type; exemplars are in OpenMetrics only."""
    encode, content_type = choose_encoder(accept)
    return content_type, encode(REGISTRY)
