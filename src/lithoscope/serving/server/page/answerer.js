// Who answers the page's questions: its own server. The page for the field has another module of this name.

let token = "";

/** Why there is no answer, in words for the user. */
export class Refused extends Error {}
/** The server wants a token, or another one. */
export class TokenWanted extends Refused {}

const pause = (seconds) => new Promise((go) => setTimeout(go, 1000 * seconds));

export function giveToken(text) {
  token = text;
}

async function request(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    return await fetch(path, { ...options, headers });
  } catch {
    throw new Refused("The server cannot be reached.");
  }
}

/** What the model is: GET /model. */
export async function meetModel() {
  const answer = await request("model");
  if (answer.status === 401) throw new TokenWanted(token ? "That is not the token." : "");
  const content = await answer.json();
  if (!answer.ok) throw new Refused(content.error);
  return content;
}

/** Post a form; waits and asks again where the server is busy. */
async function post(path, files, fields) {
  const body = new FormData();
  for (const file of files) body.append("photographs", file, file.name);
  for (const [key, value] of Object.entries(fields)) body.append(key, value);
  for (;;) {
    const answer = await request(path, { method: "POST", body });
    if (answer.status !== 429) return [answer, await answer.json()];
    await pause(Number(answer.headers.get("Retry-After")) || 1);
  }
}

/** The answers to files: POST /predict. */
export async function ask(files, fields) {
  const [answer, content] = await post("predict", files, fields);
  if (content.predictions) return content;
  throw new Refused(content.error || `status ${answer.status}`);
}

/** Where in a photograph the evidence for a class lies: POST /evidence. */
export async function look(file, label, page) {
  const [answer, content] = await post("evidence", [file], { label, page });
  if (!answer.ok) throw new Refused(content.error || `status ${answer.status}`);
  const picture = new Image();
  picture.src = content.square;
  await picture.decode();
  return { ...content, picture };
}
