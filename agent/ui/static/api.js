// The one way to the server: every failure becomes an error with a message for people.

export class Problem extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Return the answer to GET `path` with `params`; a list repeats its name. */
export async function get(path, params = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== "") query.append(key, one);
    }
  }
  const text = query.toString();
  return (await send(`/api/${path}${text ? `?${text}` : ""}`, { signal })).json();
}

/** Return the answer to GET `path` as a Blob. */
export const blob = async (path) => (await send(`/api/${path}`, {})).blob();

/** Return the answer to POST `path` with `body`. */
export async function post(path, body) {
  return (await send(`/api/${path}`, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } })).json();
}

async function send(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server does not answer: is `autotts ui` still running?");
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, body.detail ?? `The server answered ${answer.status}.`);
}
