// When a partial request is answered with a whole page (the login page because the session has ended, an error page), the page is
// shown as itself and not put into a corner of this one.

document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (!/^\s*<!doctype/i.test(ctx.text)) return;
  event.preventDefault();
  const { redirected, url } = ctx.response.raw;
  if (redirected && new URL(url).origin === location.origin) location.assign(url);
  else location.reload();
});
