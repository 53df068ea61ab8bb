/**
 * The Pulumi SDK notes a stack trace with every promise, and its `source-map-support` looks each line of it up: a sixth of
 * the time of an `up` without changes. Node strips types in place, so the lines of its own stack traces are right already.
 */
Reflect.deleteProperty(Error, "prepareStackTrace");
