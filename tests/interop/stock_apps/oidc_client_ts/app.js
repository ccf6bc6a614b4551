// A whole app in the browser with oidc-client-ts: a public client with PKCE, tokens in this tab only.
import settings from "/settings.js";

const { UserManager, WebStorageStateStore } = window.oidc;

const manager = new UserManager({
  authority: settings.issuer,
  client_id: settings.clientId,
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: "openid profile email",
  loadUserInfo: true,
  userStore: new WebStorageStateStore({ store: sessionStorage }),
});

const who = document.getElementById("who");

async function show() {
  const user = await manager.getUser();
  who.textContent = user ? `Logged in as ${user.profile.email}` : "Nobody is logged in";
}

document.getElementById("login").onclick = () => manager.signinRedirect();
document.getElementById("logout").onclick = () => manager.signoutRedirect();
document.getElementById("refresh").onclick = async () => {
  const before = await manager.getUser();
  const after = await manager.signinSilent(); // by the refresh token
  who.textContent = before.access_token === after.access_token ? "Nothing is new" : "Refreshed";
};

if (location.pathname === "/callback") {
  await manager.signinCallback();
  history.replaceState(null, "", "/");
}
await show();
