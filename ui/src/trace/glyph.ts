// A guess at what a span is from its name, where nobody said: only databases are worth it, everything else has its kind.

const STATEMENT = /^(select|insert|update|delete|upsert|merge|begin|commit|rollback|copy|create table|redis|mongo|hget|hset|mget|setex)\b/i;
const SYSTEM = /\b(postgres|postgresql|mysql|sqlite|redis|mongodb|cassandra|elasticsearch)\b/i;

export function glyphOf(name: string): string | null {
  return STATEMENT.test(name) || SYSTEM.test(name) ? 'database' : null;
}
