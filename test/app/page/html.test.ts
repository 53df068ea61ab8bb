import { describe, expect, it } from "vitest";
import { html } from "../../../app/page/html.ts";

describe("html", () => {
  it("escapes text between tags and in attributes", () => {
    const hostile = `"><script>alert('1')</script>&`;
    expect(html`<p title="${hostile}">${hostile}</p>`.toString()).toBe(
      '<p title="&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;">' +
        "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;</p>",
    );
  });

  it("drops characters that change how the rest of a line reads", () => {
    expect(html`${"a\u202eb\u2066c"}`.toString()).toBe("abc");
  });

  it("takes parts of its own as they are, one or many, and nothing for nothing", () => {
    expect(
      html`<ul>${["<", "b"].map((text) => html`<li>${text}</li>`)}</ul>${null}${undefined}${0}`.toString(),
    ).toBe("<ul><li>&lt;</li><li>b</li></ul>0");
  });
});
