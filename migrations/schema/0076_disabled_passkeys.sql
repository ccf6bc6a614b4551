-- It gains a column in what it returns.
drop function if exists authn.find_passkey(bytea, text);
