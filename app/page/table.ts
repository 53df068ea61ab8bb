import { type Content, type Html, html } from "./html.ts";

/** A column: its heading, and whether it holds numbers. */
export interface TableColumn {
  readonly name: string;
  readonly numeric?: true;
}

/** A table whose first cell of each row is its heading. What holds it scrolls where the window is narrower. */
export function table(caption: string, columns: readonly TableColumn[], rows: readonly Content[][]): Html {
  const cell = (content: Content, index: number) => {
    const align = columns[index]?.numeric ? "number" : "text";
    return index === 0
      ? html`<th scope="row" class="${align}">${content}</th>`
      : html`<td class="${align}">${content}</td>`;
  };
  return html`<table>
<caption>${caption}</caption>
<thead><tr>${columns.map(({ name, numeric }) => html`<th scope="col" class="${numeric ? "number" : "text"}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table>`;
}
