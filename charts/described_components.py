"""The keys that every component has, and the few that one has alone."""

from charts.described_settings import settings_reference
from charts.schema_words import NOT_LATEST, Schema, flag, free, listed, many, number, objects, one_of, text

_OWN = {
    "realtime": {
        "drainSeconds": number("At most so long connections are let go, spread evenly", minimum=0, maximum=20)
    },
    "operator": {
        "clusterWide": flag("Watch all namespaces instead of the release's own"),
        "tokenAudience": text("Audience of the ServiceAccount token with which it logs in to the API", minLength=1),
        "tokenIssuer": text(
            "The cluster's issuer of such tokens: kubectl get --raw /.well-known/openid-configuration names it",
            minLength=1,
        ),
        "tokenKeysUrl": text(
            "Where the API reads the issuer's keys; empty: at the cluster's API server, as its own ServiceAccount",
            pattern="^(https://.*)?$",
        ),
    },
}


def component(description: str, key: str) -> Schema:
    """The schema of one component."""
    return many(
        description,
        enabled=flag("Have it"),
        replicas=number("Pods, where autoscaling.engine is none", minimum=0, maximum=500),
        image=many(
            "Its image",
            repository=text("Repository, after image.registry", minLength=1),
            tag=text("Instead of image.tag", **NOT_LATEST),
            digest=text("Pins the image; wins over tags", pattern="^(sha256:[0-9a-f]{64})?$"),
        ),
        settings=settings_reference(
            "Settings of this component alone; they win over the common ones",
            "operatorSettings" if key == "operator" else "settings",
        ),
        env=listed("More environment variables, as in a container", objects("A variable")),
        resources=objects("Requests and limits"),
        autoscaling=_autoscaling(),
        pdb=many(
            "Pod disruption budget",
            enabled=flag("Have it"),
            maxUnavailable={
                "type": ["integer", "string"],
                "description": "Pods that may be away at once",
                "minimum": 1,
            },
        ),
        strategy=many(
            "How pods are replaced",
            type=one_of("Kind of strategy", "RollingUpdate", "Recreate"),
            maxSurge={"type": ["integer", "string"], "description": "Pods above the wished number"},
            maxUnavailable={"type": ["integer", "string"], "description": "Pods below it"},
        ),
        probes=many(
            "Probes; their paths and ports are the component's own",
            startup=_probe("Until it first answers, the other two wait"),
            readiness=_probe("Whether requests are sent to it"),
            liveness=_probe("Whether it is restarted; asks no store"),
        ),
        preStopSeconds=number("It goes on serving so long after it was told to leave", minimum=0, maximum=60),
        terminationGracePeriodSeconds=number("After this it is killed", minimum=5, maximum=600),
        service=many(
            "Its Service",
            port=number("Port for HTTP; 0 where it has none", minimum=0, maximum=65535),
            annotations=free("Annotations"),
        ),
        serviceAccountAnnotations=free("Annotations of its ServiceAccount"),
        podAnnotations=free("Annotations of its pods"),
        podLabels=free("More labels of its pods; app.kubernetes.io/ and helm.sh/ are the chart's"),
        nodeSelector=free("Labels of the nodes it runs on"),
        tolerations=listed("Taints it tolerates", objects("A toleration")),
        affinity=objects("Affinity, as in a pod"),
        priorityClassName=text("Priority class"),
        topologySpread=many(
            "Spread over zones and nodes",
            enabled=flag("Have it"),
            maxSkew=number("By how many pods two places may differ", minimum=1),
            whenUnsatisfiable=one_of(
                "What counts more: the spread over zones or that it runs; over nodes it is always a wish",
                "ScheduleAnyway",
                "DoNotSchedule",
            ),
        ),
        networkPolicy=many(
            "More rules of its NetworkPolicy",
            extraIngress=listed("Ingress rules", objects("A rule")),
            extraEgress=listed("Egress rules", objects("A rule")),
        ),
        **_OWN.get(key, {}),
    )


def _autoscaling() -> Schema:
    return many(
        "How many pods there are; one engine at a time, as two would fight",
        engine=one_of("none: replicas. hpa: HorizontalPodAutoscaler. keda: ScaledObject", "none", "hpa", "keda"),
        minReplicas=number("At least", minimum=1),
        maxReplicas=number("At most", minimum=1),
        cpuPercent=number("Wished use of the requested CPU; 0: CPU does not count", minimum=0, maximum=100),
        metrics=listed(
            "Metrics beside CPU",
            many(
                "One of them",
                name=text("Its name at the metrics adapter (hpa)", minLength=1),
                query=text("How Prometheus is asked (keda); $NAMESPACE and $WORKLOAD are filled in", minLength=1),
                target=text("Wished value for each pod; keda divides what the query gives by it", pattern="^[0-9]+m?$"),
            ),
        ),
        behavior=objects("How fast it grows and shrinks, as in a HorizontalPodAutoscaler"),
    )


def _probe(description: str) -> Schema:
    return many(
        description,
        periodSeconds=number("Seconds between two questions", minimum=1),
        timeoutSeconds=number("Seconds until no answer counts as a bad one", minimum=1),
        failureThreshold=number("So many bad answers in a row count", minimum=1),
    )
