import { vi } from "vitest";

// Before each file of a shared worker: it shares Node's modules and the packages with the files before, and loads those
// of the checkout anew, with whatever state they have at their top level.
vi.resetModules();
