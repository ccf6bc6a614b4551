// The files of the app, and its settings: where the portal is and what the app is called there.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const { ISSUER, CLIENT_ID, PORT } = process.env;
const types = { html: "text/html", js: "text/javascript" };
const files = {
  "/app.js": "app.js",
  "/oidc-client-ts.js": "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js",
};

createServer((request, response) => {
  const path = new URL(request.url, "http://app").pathname;
  if (path === "/settings.js") {
    response.writeHead(200, { "content-type": types.js });
    return response.end(`export default ${JSON.stringify({ issuer: ISSUER, clientId: CLIENT_ID })};`);
  }
  const file = files[path] ?? "index.html";
  response.writeHead(200, { "content-type": types[file.split(".").pop()] });
  response.end(readFileSync(file));
}).listen(Number(PORT), "127.0.0.1");
