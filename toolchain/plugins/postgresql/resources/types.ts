import { database } from "./database.ts";
import { defaultPrivileges } from "./default-privileges.ts";
import { extension } from "./extension.ts";
import { grant } from "./grant.ts";
import type { ResourceType } from "./resource.ts";
import { role } from "./role.ts";
import { schema } from "./schema.ts";

/** The resource types of the plugin by their tokens. */
export const RESOURCE_TYPES: Readonly<Record<string, ResourceType>> = {
  "postgresql:index/database:Database": database,
  "postgresql:index/defaultPrivileges:DefaultPrivileges": defaultPrivileges,
  "postgresql:index/defaultPrivileg:DefaultPrivileg": defaultPrivileges,
  "postgresql:index/extension:Extension": extension,
  "postgresql:index/grant:Grant": grant,
  "postgresql:index/role:Role": role,
  "postgresql:index/schema:Schema": schema,
};
