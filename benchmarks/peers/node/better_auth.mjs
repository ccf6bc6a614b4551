// better-auth on PostgreSQL, as its installation page describes it for Node without a framework.
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import pg from 'pg';

const port = Number(process.env.BENCH_PORT);
const options = {
  baseURL: `http://127.0.0.1:${port}`,
  secret: 'a-secret-key-for-figures-only-and-long-enough',
  database: new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 8 }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
createServer(toNodeHandler(betterAuth(options))).listen(port, '127.0.0.1');
