for address in os.environ["METRICS_URLS"].split():
    status, text = call("GET", "", base=address)
    if status != 200 or "scoreboard_" not in text:
        raise SystemExit(f"{address}: {status}, no metric of the platform")
    print(address, text.count("\nscoreboard_"), "series")
status, _ = call("GET", "/metrics")
if status == 200:
    raise SystemExit("metrics can be read on the public port")
