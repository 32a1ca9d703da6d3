/* What is asked of the server. A page that gets no answer asks again, so that nothing is lost when the
   server is started anew. */

const connection = { token: "", run: "", lost: false };
const RETRY_SECONDS = [0.3, 0.6, 1, 2];

class Refused extends Error {}

function notice(text) {
  find("notice").textContent = text;
}

function sleep(seconds) {
  return new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); });
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, credentials: "same-origin", cache: "no-store" });
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Refused(text.slice(0, 300));
  }
  if (!response.ok) throw new Refused(answer.error ?? response.statusText);
  return answer;
}

/** Ask until there is an answer; a refusal is one, and is shown. */
async function askUntilAnswered(path, options = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await ask(path, options);
      if (connection.lost) notice("");
      connection.lost = false;
      return answer;
    } catch (error) {
      if (error instanceof Refused) {
        notice(error.message);
        throw error;
      }
      connection.lost = true;
      notice("The server does not answer: the page tries again, and keeps what you do meanwhile.");
      await sleep(RETRY_SECONDS[Math.min(attempt, RETRY_SECONDS.length - 1)]);
    }
  }
}

function posting(values) {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Spurclust-Token": connection.token },
    body: JSON.stringify(values),
  };
}

function remember(name, value) {
  try {
    window.localStorage.setItem(`spurclust/inspect/${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing has the usual settings next time.
  }
}

function recall(name, otherwise) {
  try {
    return JSON.parse(window.localStorage.getItem(`spurclust/inspect/${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}
