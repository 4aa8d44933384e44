player = Player()
done = player.score()
headers = {"Authorization": f"Bearer {player.session['access_token']}"}
mine = expect(200, call("GET", f"/api/v1/boards/{BOARD}/me", headers=headers), "my place")
print("an action counted", done["points"], "points; my place:", mine)
