/** Folder in the application's container, read-only, with everything that the kit gives it. */
export const setFolder = "/run/poolkit";

/** One variable or file that an own application gets, with what it says, for the documentation. */
export interface Given {
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
}

/** What of an application's configuration its variables depend on. */
interface Named {
  readonly databaseUrlVariable: string;
  readonly directUrlVariable: string | undefined;
  readonly port: number;
}

/**
 * The variables. None of them is a secret or changes with a preset: secrets would stand in `docker inspect`, and a
 * changed variable means a new container.
 */
export function givenVariables({ databaseUrlVariable, directUrlVariable, port }: Named): Given[] {
  const direct =
    directUrlVariable === undefined
      ? []
      : [
          {
            name: `${directUrlVariable}_FILE`,
            value: `${setFolder}/direct-url`,
            meaning: "file with the direct URL, only with `directUrlVariable`",
          },
        ];
  return [
    {
      name: `${databaseUrlVariable}_FILE`,
      value: `${setFolder}/database-url`,
      meaning: "file with the URL through PgBouncer",
    },
    ...direct,
    {
      name: "HEALTH_TOKEN_FILE",
      value: `${setFolder}/health-token`,
      meaning: "file with the token that the health check sends",
    },
    { name: "NODE_ENV", value: "production", meaning: "as Node's libraries expect it" },
    { name: "POOLKIT_CONFIG_DIR", value: setFolder, meaning: "the folder of all files" },
    { name: "PORT", value: String(port), meaning: "the port to listen on, on all addresses" },
  ];
}

/** The files in that folder: mode 0400, owned by `uid`, without a newline at the end but for settings.json. */
export const givenFiles: readonly Omit<Given, "value">[] = [
  {
    name: "database-url",
    meaning: "`postgresql://…` through PgBouncer (transaction pooling), without parameters",
  },
  {
    name: "direct-url",
    meaning: "`postgresql://…` of the schema's owner, past PgBouncer; only with `directUrlVariable`",
  },
  {
    name: "health-token",
    meaning: "the health check sends it as `Authorization: Bearer …`; check it or leave it",
  },
  {
    name: "settings.json",
    meaning: "the preset's limits as a flat object of texts, see below",
  },
];
