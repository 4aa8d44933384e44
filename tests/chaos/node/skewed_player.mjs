// A player with the live page's own client modules, and a clock that may be wrong: registers, begins, completes.
// node skewed_player.mjs FOLDER-OF-THE-PAGE'S-MODULES API NAME PASSWORD SECONDS-TO-SHIFT-DATE-NOW
// Prints what was answered to its signed requests, and how far its clock is from the server's.

const [folder, base, username, password, shift] = process.argv.slice(2);

const right = Date.now.bind(Date);
Date.now = () => right() + 1000 * Number(shift);

const replies = [];
let clock = 0;
const plain = globalThis.fetch;
globalThis.fetch = async (path, options) => {
  const reply = await plain(base + path, options);
  if (options.headers["Signature-Input"]) {
    const told = await reply.clone().json();
    clock = (Date.now() - Date.parse(reply.headers.get("Date"))) / 1000;
    replies.push({ status: reply.status, code: told.code ?? null, server_time: told.server_time ?? null });
  }
  return reply;
};

const { call, newKey, useToken } = await import(`${folder}/api.js`);
const { keepSigning, sign } = await import(`${folder}/signing.js`);

const session = await call("POST", "/auth/register", { body: { username, password } });
useToken(session.access_token);
await keepSigning(session.signing);
const begun = await call("POST", "/actions", { body: { kind: "quiz" }, player: true, key: newKey(), sign });
const path = `/actions/${begun.action_id}/complete`;
const completed = await call("POST", path, { body: { action_token: begun.action_token }, player: true, key: newKey(), sign });
console.log(JSON.stringify({ replies, completed, clock_s: clock }));
process.exit(0);
