// Keeps the page and its model on the device. A version is one set of files, each known by its SHA-256; its cache is made
// whole before it serves, and only then is the one before it deleted.

const FILES = {}; // filled in by `lithoscope export --web`: SHA-256 by name
const VERSION = "";
const OURS = `lithoscope ${self.registration.scope} `; // other folders of the same site have caches of their own
const NAME = OURS + VERSION;

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("activate", (event) => event.waitUntil(takeOver()));
self.addEventListener("fetch", (event) => {
  const name = nameOf(event.request.url);
  if (event.request.method === "GET" && name in FILES) event.respondWith(kept(name, event.request));
});
self.addEventListener("message", (event) => {
  if (event.data === "check") event.waitUntil(check().then((found) => event.ports[0].postMessage(found)));
});

function nameOf(url) {
  const { origin, pathname } = new URL(url);
  const scope = new URL(self.registration.scope);
  if (origin !== scope.origin || !pathname.startsWith(scope.pathname)) return null;
  return decodeURIComponent(pathname.slice(scope.pathname.length)) || "index.html";
}

async function digest(response) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const isRight = async (response, name) => Boolean(response) && (await digest(response.clone())) === FILES[name];

/** Fetch what is missing. What an older version holds alike is taken from there. */
async function fill() {
  const cache = await caches.open(NAME);
  for (const name of Object.keys(FILES)) {
    if (await isRight(await cache.match(name), name)) continue;
    let response = await fromOlder(name);
    if (!response) {
      response = await fetch(name, { cache: "no-store" });
      if (!response.ok || !(await isRight(response, name))) throw new Error(`${name}: not the file of this version`);
    }
    await cache.put(name, response);
  }
}

async function fromOlder(name) {
  for (const other of await caches.keys()) {
    if (!other.startsWith(OURS) || other === NAME) continue;
    const response = await (await caches.open(other)).match(name);
    if (await isRight(response, name)) return response;
  }
  return null;
}

async function takeOver() {
  for (const other of await caches.keys()) {
    if (other.startsWith(OURS) && other !== NAME) await caches.delete(other);
  }
  await self.clients.claim();
}

async function kept(name, request) {
  return (await (await caches.open(NAME)).match(name)) || fetch(request);
}

/** Read every file from the cache and compare its hash: whether all is there, and how many bytes that is. */
async function check() {
  const cache = await caches.open(NAME);
  let bytes = 0;
  for (const name of Object.keys(FILES)) {
    const response = await cache.match(name);
    if (!(await isRight(response, name))) return { whole: false, missing: name, bytes };
    bytes += (await response.blob()).size;
  }
  return { whole: true, missing: null, bytes };
}
