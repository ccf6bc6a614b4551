-- The attempt says whether the account knows its browser: such a one waits for its hash however many strangers wait.

drop function if exists authn.begin_password_login(text, text, jsonb, text);
