-- The purge goes through every namespace, and needs to know which there are: their names, and nothing else of a row.

drop policy if exists purge on authn.users;
create policy purge on authn.users for select to portal_system using (true);
drop policy if exists purge on authn.login_attempts;
create policy purge on authn.login_attempts for select to portal_system using (true);

grant select (namespace) on authn.users, authn.login_attempts to portal_system;
