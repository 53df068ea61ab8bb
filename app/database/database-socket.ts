import { lookup } from "node:dns";
import { type LookupFunction, Socket, type TcpSocketConnectOpts } from "node:net";

/**
 * Lets everybody who asks for a name while it is being looked up have that answer. Node looks up two names at a time for
 * the whole process (libuv), and a name that is gone may take its resolver ten seconds: were each connection of a pool to
 * ask by itself, nobody would get through to a host that is there, and health would call that one gone.
 */
export function sharedLookup(find: LookupFunction = lookup): LookupFunction {
  const waiting = new Map<string, Parameters<LookupFunction>[2][]>();
  return (hostname, options, callback) => {
    const question = JSON.stringify([hostname, options]);
    const others = waiting.get(question);
    if (others !== undefined) {
      others.push(callback);
      return;
    }
    const asking = [callback];
    waiting.set(question, asking);
    try {
      find(hostname, options, (...answer) => {
        waiting.delete(question);
        for (const answered of asking) answered(...answer);
      });
    } catch (refusal) {
      waiting.delete(question);
      throw refusal;
    }
  };
}

const lookupTogether = sharedLookup();

/** The socket of every connection to the database, the pool's and the probes'. */
export class DatabaseSocket extends Socket {
  /** As node-postgres calls it, for a host; its other form is for a socket in the file system. */
  override connect(...where: unknown[]): this {
    const [port, host] = where;
    if (typeof port !== "number" || typeof host !== "string")
      return Reflect.apply(super.connect, this, where);
    const options: TcpSocketConnectOpts = { port, host, lookup: lookupTogether };
    return super.connect(options);
  }
}
