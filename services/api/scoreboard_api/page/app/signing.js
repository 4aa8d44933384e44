// Signs requests about actions (RFC 9421, the API's fixed profile). The key is imported non-extractable, so a script that
// sneaks in can use it but not carry it away. WebCrypto needs https or localhost; without it only kinds that do not
// require a signature can be played.

/** @type {{id: string, key: CryptoKey} | null} */
let signer = null;
/** Milliseconds to add to this device's clock to get the server's. */
let skew = 0;

const UTF8 = new TextEncoder();

/** @returns {boolean} whether this browser can sign for the current session */
export function canSign() {
  return signer !== null;
}

/** @param {{key_id: string, key: string} | null | undefined} signing as the log-in reply gives it; key is base64url */
export async function keepSigning(signing) {
  if (!signing?.key || !globalThis.crypto?.subtle) return;
  const bytes = Uint8Array.from(atob(signing.key.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  signer = { id: signing.key_id, key };
}

/** Forgets the key. */
export function forgetSigning() {
  signer = null;
}

/**
 * Goes by the server's clock from now on, because this device's is wrong.
 * @param {string} serverTime as a stale request was told it
 */
export function correctClock(serverTime) {
  const difference = Date.parse(serverTime) - Date.now();
  if (Number.isFinite(difference)) skew = difference;
}

/**
 * The headers that sign one request.
 * @param {import("./api.js").SignableRequest} request path without a query
 * @returns {Promise<Record<string, string>>}
 */
export async function sign({ method, path, body, key }) {
  if (!signer) return {};
  const digest = `sha-256=:${base64(await crypto.subtle.digest("SHA-256", UTF8.encode(body)))}:`;
  const covered = ["@method", "@path", "@query", "content-digest", ...(key ? ["idempotency-key"] : [])];
  const nonce = base64(crypto.getRandomValues(new Uint8Array(16)).buffer);
  const created = Math.floor((Date.now() + skew) / 1000);
  const parameters = `(${covered.map((name) => `"${name}"`).join(" ")});created=${created};keyid="${signer.id}";nonce="${nonce}";alg="hmac-sha256";tag="scoreboard-v1"`;
  const lines = [`"@method": ${method}`, `"@path": ${path}`, `"@query": ?`, `"content-digest": ${digest}`];
  if (key) lines.push(`"idempotency-key": ${key}`);
  lines.push(`"@signature-params": ${parameters}`);
  const mac = await crypto.subtle.sign("HMAC", signer.key, UTF8.encode(lines.join("\n")));
  return { "Content-Digest": digest, "Signature-Input": `sb=${parameters}`, Signature: `sb=:${base64(mac)}:` };
}

/** @param {ArrayBuffer} bytes */
function base64(bytes) {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}
