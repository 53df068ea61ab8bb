import type { Prisma } from "../generated/prisma/client.ts";

/** The id of the company of this name, which is made where it is new. */
export async function companyIdOf(transaction: Prisma.TransactionClient, name: string): Promise<string> {
  // With this form Prisma writes INSERT … ON CONFLICT: two first uses of one name do not collide.
  const { id } = await transaction.company.upsert({
    where: { name },
    create: { name },
    update: { name },
  });
  return id;
}
