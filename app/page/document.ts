import { pageAssets } from "../generated/page-assets.ts";
import { type Html, html } from "./html.ts";

/** Where the page lives; its cookie goes nowhere else. */
export const PAGE_PATH = "/admin/database";
/** The names hold a hash of the content, so that a browser may keep these files for ever. */
export const ASSETS_PATH = `${PAGE_PATH}/assets`;
export const STYLE_FILE = `page.${pageAssets.hash}.css`;
export const SCRIPT_FILE = `page.${pageAssets.hash}.js`;

/** A whole document. `script` loads what keeps the page up to date. */
export function htmlDocument(options: { title: string; body: Html; script?: boolean }): string {
  const { title, body, script = false } = options;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="${ASSETS_PATH}/${STYLE_FILE}">
${script ? html`<script type="module" src="${ASSETS_PATH}/${SCRIPT_FILE}"></script>` : null}
</head>
<body>
${body}
</body>
</html>
`.toString();
}
