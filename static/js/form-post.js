// The answer to an app by POST (OAuth 2.0 Form Post Response Mode): sent on as soon as the page is there. Its button does the same.
const form = document.getElementById("form-post");
// Not again when the page comes back from the browser's history: the app has used this answer.
if (form && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") form.requestSubmit();
