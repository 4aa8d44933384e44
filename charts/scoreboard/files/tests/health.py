for service, base in (("api", API), ("realtime", os.environ["REALTIME_URL"])):
    for probe in ("live", "ready", "startup"):
        expect(200, call("GET", f"/health/{probe}", base=base), f"{probe} of {service}")
boards = expect(200, call("GET", "/api/v1/boards"), "boards")
print("all probes answer;", len(boards.get("boards", boards.get("items", []))), "boards")
