from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

player = Player()
address = os.environ["REALTIME_URL"].replace("http", "ws", 1) + "/api/v1/ws/leaderboard"
wanted = {"leaderboard.initial": "the board", "standing.initial": "the own standing"}
seen = []
ends = time.monotonic() + 40
with connect(address, origin=os.environ["ORIGIN"] or None, open_timeout=10) as socket:

    def hear():
        """The next message; the end of the test, with all that was heard, when none comes."""
        try:
            message = json.loads(socket.recv(timeout=max(0.0, ends - time.monotonic())))
        except TimeoutError:
            raise SystemExit(f"40 seconds passed before {' and '.join(wanted.values())} came; heard: {seen}") from None
        except ConnectionClosed as closed:
            raise SystemExit(f"the connection was closed ({closed}); heard: {seen}") from None
        seen.append(message["type"])
        if message["type"] == "error":
            raise SystemExit(f"the live connection was refused something: {json.dumps(message)[:500]}")
        return message

    socket.send(json.dumps({"type": "auth", "token": player.session["access_token"]}))
    socket.send(json.dumps({"type": "subscribe", "channels": ["me", f"board:{BOARD}"]}))
    while wanted:
        wanted.pop(hear()["type"], None)
    # What the first standing holds already is no news: the action comes after it.
    player.score()
    wanted = {"score.update": "the news of the action"}
    while wanted:
        wanted.pop(hear()["type"], None)
print("the news of the action came:", seen)
