// Says whether the page would answer without a network, after looking.

const line = document.getElementById("offline");
const say = (text, state) => {
  line.textContent = text;
  line.dataset.state = state;
};

const PATIENCE = 1000; // ms that a promise to keep all may take: Firefox asks its user, who need not answer

/** Ask the service worker to read all that it keeps. */
function check(worker) {
  return new Promise((answer) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = (event) => answer(event.data);
    worker.postMessage("check", [channel.port2]);
  });
}

async function persisted() {
  if (!navigator.storage?.persist) return false;
  return (await navigator.storage.persisted()) || navigator.storage.persist();
}

async function prepare() {
  if (!("serviceWorker" in navigator)) {
    say(globalThis.isSecureContext ? "This browser keeps no pages: it needs a network." : "Needs a network: browsers keep only pages of https addresses.", "network");
    return;
  }
  say("Preparing for use without a network …", "preparing");
  const registration = await navigator.serviceWorker.register("sw.js", { updateViaCache: "none" });
  registration.addEventListener("updatefound", () => watch(registration.installing));
  const first = registration.installing;
  if (first && !registration.active) await settled(first);
  const worker = registration.active || (await navigator.serviceWorker.ready).active;
  const { whole, missing, bytes } = await check(worker);
  if (!whole) {
    say(`Not ready without a network: ${missing} is missing. Reload the page with a network.`, "network");
    return;
  }
  const ready = `Ready without a network: ${(bytes / 1e6).toFixed(1)} MB on this device, checked.`;
  const forEver = persisted().catch(() => false);
  const soon = await Promise.race([forEver, new Promise((go) => setTimeout(go, PATIENCE))]);
  if (!soon) say(`${ready} The browser may delete it when space runs short, or after weeks without use.`, "ready");
  if ((await forEver) && line.dataset.state !== "newer") say(`${ready} The browser keeps it until you delete it.`, "ready");
}

function settled(worker) {
  return new Promise((go, fail) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") go();
      if (worker.state === "redundant") fail(new Error("not all files could be fetched"));
    });
    if (worker.state === "activated") go();
  });
}

function watch(worker) {
  worker?.addEventListener("statechange", () => {
    if (worker.state === "installed" && navigator.serviceWorker.controller) {
      say("A newer version is here, whole: close all windows of this page to change to it.", "newer");
    }
  });
}

prepare().catch((error) => say(`Not ready without a network: ${error.message}. Reload the page with a network.`, "network"));
