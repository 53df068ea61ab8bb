import { createServer, IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RequestsUnderWay } from "../../../app/requests/requests-under-way.ts";

describe("RequestsUnderWay", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** A server that listens nowhere and gets requests from the test. */
  function server() {
    const http = createServer();
    const requests = new RequestsUnderWay(http);
    const begin = (method: string, url: string) => {
      const request = Object.assign(new IncomingMessage(new Socket()), { method, url });
      const response = new ServerResponse(request);
      http.emit("request", request, response);
      return () => response.emit("close");
    };
    return { requests, begin };
  }

  it("lists those that are not answered, with their age and without what people type", () => {
    const { requests, begin } = server();
    const endFirst = begin("GET", "/api/sessions?search=canary&page=2");
    vi.advanceTimersByTime(1500.6);
    begin("POST", "/api/imports");
    expect(requests.list()).toEqual([
      { method: "GET", path: "/api/sessions", ageMs: 1501 },
      { method: "POST", path: "/api/imports", ageMs: 0 },
    ]);
    endFirst();
    expect(requests.list().map(({ path }) => path)).toEqual(["/api/imports"]);
    expect(requests.counts()).toEqual({ underWay: 1, total: 2 });
  });
});
