import { htmlDocument, PAGE_PATH } from "./document.ts";
import { html } from "./html.ts";

/** The form that asks for the token; `problem` says why the last attempt did not open the page. */
export function loginPage(problem: string | null = null): string {
  return htmlDocument({
    title: "Log in · Database",
    body: html`<main class="login">
<h1>Database</h1>
<form method="post" action="${PAGE_PATH}/login">
<label for="token">Health token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus
 aria-describedby="hint${problem === null ? "" : " problem"}">
${problem === null ? null : html`<p id="problem" class="problem" role="alert">${problem}</p>`}
<p id="hint">Print it with <code>pulumi stack output healthToken --show-secrets</code></p>
<button>Log in</button>
</form>
</main>`,
  });
}
