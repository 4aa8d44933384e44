"""What each value of the chart means, as JSON Schema. ``generate.py`` writes it into the chart.

Strict everywhere: a key that is not known is a mistake, and Helm says which one before anything is installed.
"""

from typing import Any

from charts.described_components import component
from charts.described_settings import operator_settings_schema, settings_reference, settings_schema
from charts.schema_words import NOT_LATEST, PINNED, flag, free, listed, many, named, number, objects, one_of, text

Schema = dict[str, Any]

_PORT = {"minimum": 1, "maximum": 65535}
_ROLE = {"pattern": "^[a-z_][a-z0-9_]{0,62}$"}
_SECRET = "Kubernetes name of a Secret in the release's namespace"  # noqa: S105 # words, no secret


def values_schema() -> Schema:
    """The schema of ``values.yaml``."""
    top = many(
        "Values of the chart scoreboard",
        nameOverride=text("Instead of the chart's name in names and labels"),
        fullnameOverride=text("Instead of release and chart name in front of every object's name"),
        commonLabels=free("Labels of every object"),
        stopped=flag("No pod runs and nothing scales, as for a restore (docs/operations.md); everything else stays"),
        image=_image(),
        keys=_keys(),
        postgres=_postgres(),
        redis=_redis(),
        dev=_dev(),
        migrations=_migrations(),
        settings=settings_reference(
            "Settings of the platform, the same for all services; a service's own win over them"
        ),
        readiness=many(
            "When the API counts as ready",
            strict=flag("Not ready as soon as any store is away; otherwise the API goes on degraded"),
        ),
        network=many(
            "How processes listen and whom they believe",
            listenAddress=text("Address that the processes listen on; :: in clusters with IPv6 only", minLength=2),
            trustedProxyHops=number(
                "Entries of X-Forwarded-For that our proxies add; -1: one behind ingress or gateway, otherwise none",
                minimum=-1,
                maximum=8,
            ),
        ),
        ingress=_ingress(),
        gateway=_gateway(),
        stickiness=many(
            "Keep a browser at one realtime pod by a cookie; Socket.IO's long polling needs it, and is off without",
            enabled=flag("Turn it on, and long polling with it"),
            cookieName=text("The cookie's name; a Gateway chooses its own", pattern="^[A-Za-z0-9_-]+$"),
        ),
        networkPolicy=_network_policy(),
        metrics=_metrics(),
        keda=many(
            "For components whose autoscaling.engine is keda",
            prometheusAddress=text("Where KEDA asks Prometheus", pattern="^https?://"),
        ),
        podSecurityContext=objects("Security context of our pods; the default passes the restricted standard"),
        tests=many(
            "The pods of helm test: probes and metrics; with board and kind two more, with an account that scores once",
            enabled=flag("Have them"),
            board=text("Board that the action feeds; empty: nobody scores"),
            kind=text("Action kind with fixed points, no minimum duration and no cooldown; needed with board"),
        ),
        api=component("HTTP API and pages", "api"),
        realtime=component("Live connections", "realtime"),
        worker=component("Sweep, jobs, seasons, self-audit, roll-ups", "worker"),
        anticheatMl=component("The anti-cheat's model", "anticheatMl"),
        operator=component("Declares boards, kinds, policies and seasons from Kubernetes resources", "operator"),
    )
    top["properties"]["global"] = {"type": "object", "description": "Set by parent charts; not used"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "scoreboard",
        "definitions": {"settings": settings_schema(), "operatorSettings": operator_settings_schema()},
        **top,
    }


def _image() -> Schema:
    return many(
        "Images of all components",
        registry=text("In front of every repository, for instance registry.example.com/scoreboard"),
        tag=text("Tag of all images; empty: the chart's appVersion", **NOT_LATEST),
        pullPolicy=one_of("When nodes pull", "Always", "IfNotPresent", "Never"),
        pullSecrets=listed("Names of pull Secrets", named(_SECRET, minLength=1)),
    )


def _keys() -> Schema:
    return many(
        "The platform's keys; the chart makes no Secret, so that none is in a release's history",
        existingSecret=named(f"{_SECRET} that holds the keys. Required"),
        signingKey=text("Key in it: PEM, EC P-256, signs access tokens", minLength=1),
        previousSigningKey=text("Key in it, may be absent: accepted while the signing key rotates", minLength=1),
        masterKey=text("Key in it: base64 of 32 bytes", minLength=1),
    )


def _postgres() -> Schema:
    return many(
        "Postgres, the truth",
        port=number("Port that network policies open; the address itself is in the Secret", **_PORT),
        maxConnections=number(
            "Connections that an external server allows (its max_connections); more pods than fit are refused",
            minimum=1,
        ),
        existingSecret=named(f"{_SECRET} with the URL of the services' login, a member of scoreboard_writer"),
        urlKey=text("Key in it", minLength=1),
        owner=many(
            "The owner of the database: migrations only",
            existingSecret=named(f"{_SECRET} with the owner's URL"),
            urlKey=text("Key in it", minLength=1),
        ),
        cnpg=many(
            "A CloudNativePG Cluster in this release; its operator has to be there",
            enabled=flag("Make it; it stays when the release is uninstalled"),
            name=named("Its name, another one for a restored copy; empty: the release's with -db"),
            instances=number("How many; from 3 on a commit waits until a second one has it", minimum=1, maximum=9),
            imageName=text("Image of Postgres", minLength=1, **PINNED),
            storageSize=text("Size of each instance's volume", pattern="^[0-9]+[KMGT]i$"),
            storageClass=text("Storage class; empty: the cluster's default"),
            serviceLogin=text("The services' login", **_ROLE),
            serviceLoginSecret=named(
                f"{_SECRET} of type kubernetes.io/basic-auth for that login; its password is letters and digits only"
            ),
            otherLogins=listed(
                "More logins of services, while a password is rotated",
                many(
                    "One of them",
                    name=text("The login", **_ROLE),
                    existingSecret=named(f"{_SECRET} of type kubernetes.io/basic-auth; not needed to take it away"),
                    ensure=one_of("Whether it is there", "present", "absent"),
                )
                | {"required": ["name", "ensure"]},
            ),
            spec=objects(
                "Merged over the Cluster's spec: plugins, resources and more; lists replace lists, bootstrap ours"
            ),
        ),
    )


def _redis() -> Schema:
    return many(
        "Redis or Valkey, a projection that may be lost",
        port=number("Port that network policies open", **_PORT),
        existingSecret=named(f"{_SECRET} with its URL"),
        urlKey=text("Key in it", minLength=1),
    )


def _dev() -> Schema:
    image = text("Image", minLength=1, **PINNED)
    return many(
        "For trying things out: stores of single pods without backup or second copy, and code that can be changed",
        postgres=many(
            "Postgres",
            enabled=flag("Have it"),
            image=image,
            existingSecret=named(f"{_SECRET} with owner-password and service-password, letters and digits only"),
            storageSize=text("Size of its volume", pattern="^[0-9]+[KMGT]i$"),
        ),
        redis=many("Valkey, without a disk", enabled=flag("Have it"), image=image),
        sync=many(
            "For skaffold dev: API and realtime run from a copy of their code, and begin anew when it changes",
            enabled=flag("Have it"),
        ),
    )


def _migrations() -> Schema:
    return many(
        "How the schema is brought up to date",
        mode=one_of(
            "hook: before each install and upgrade. job: beside it. initContainer: in each API pod. none: you do it",
            "hook",
            "job",
            "initContainer",
            "none",
        ),
        seed=flag("Also make the demo boards and action kinds, where there are no boards"),
        backoffLimit=number("How often a failed migration is tried again", minimum=0),
        activeDeadlineSeconds=number("Seconds until it is given up", minimum=10),
        ttlSecondsAfterFinished=number("Seconds that the Job stays for its logs", minimum=0),
        annotations=free("Annotations of the Job"),
        resources=objects("Requests and limits"),
    )


def _ingress() -> Schema:
    return many(
        "Ingress for API and realtime; for a Gateway see gateway",
        enabled=flag("Have it"),
        className=text("Ingress class; empty: the cluster's default"),
        controller=one_of(
            "Whose annotations to write for timeouts and stickiness; empty: none", "", "haproxy", "nginx", "traefik"
        ),
        hosts=listed("Names under which browsers come", text("A host", minLength=1)),
        tlsSecret=named(f"{_SECRET} of type kubernetes.io/tls"),
        annotations=free("Annotations of both Ingresses"),
        realtimeAnnotations=free("More annotations of realtime's Ingress"),
        timeoutSeconds=number(
            "How long a live connection may be silent before the controller ends it; haproxy's for WebSockets is"
            " timeout-tunnel in its own ConfigMap (1h)",
            minimum=60,
        ),
    )


def _gateway() -> Schema:
    return many(
        "An HTTPRoute of the Gateway API",
        enabled=flag("Have it"),
        parentRefs=listed("Gateways, as in an HTTPRoute", objects("A reference")),
        hostnames=listed("Names under which browsers come", text("A host", minLength=1)),
        annotations=free("Annotations of the route"),
    )


def _network_policy() -> Schema:
    def peers(what: str) -> Schema:
        return listed(f"{what}, as peers of a NetworkPolicy", objects("A peer"))

    return many(
        "Deny everything, then allow what is needed",
        enabled=flag("Have it"),
        clients=peers("Who may reach API and realtime; empty: anybody"),
        monitoring=peers("Who may read metrics; empty: any pod of the cluster"),
        dns=peers(
            "Where names are resolved; empty: any pod of the cluster and 169.254.20.10 (NodeLocal DNSCache), port 53"
        ),
        postgres=peers("Where Postgres is; empty: anywhere, on its port"),
        redis=peers("Where Redis is; empty: anywhere, on its port"),
        collector=peers("Where the collector of settings.trace_endpoint is; empty: anywhere, on its port"),
        apiServer=peers(
            "Where the cluster's API server is, for the operator and its token's keys; empty: anywhere, on 443 and 6443"
        ),
    )


def _metrics() -> Schema:
    return many(
        "Metrics, on a port of their own that neither ingress nor gateway leads to",
        port=number("The port", **_PORT),
        podMonitor=many(
            "A PodMonitor for the Prometheus operator",
            enabled=flag("Have it"),
            interval=text("Time between two scrapes", pattern="^[0-9]+(s|m)$"),
            labels=free("Labels by which Prometheus selects it"),
        ),
        rules=many(
            "Objectives and alerts as PrometheusRules; those of components that are not enabled are left out",
            enabled=flag("Have them"),
            labels=free("Labels by which Prometheus selects them"),
            runbooks=text("Where alerts say that their runbook is: the address of docs/runbooks.md", minLength=1),
            grafana=text("Where alerts say that their dashboard is: the address of Grafana", minLength=1),
        ),
        dashboards=many(
            "Dashboards as ConfigMaps, which Grafana's sidecar reads",
            enabled=flag("Have them"),
            labels=free("Labels by which the sidecar selects them"),
            annotations=free("Annotations, such as the folder: grafana_folder"),
        ),
        alertmanagerExample=many(
            "An example of routes and inhibitions as a ConfigMap, to copy into your own Alertmanager",
            enabled=flag("Have it"),
        ),
    )
