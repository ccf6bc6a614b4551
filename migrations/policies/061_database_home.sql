-- One row for the whole database, which belongs to no tenant: only the functions that look after it see it.

drop policy if exists home on authn.database_home;
create policy home on authn.database_home to portal_system using (true) with check (true);

grant select, insert, update on authn.database_home to portal_system;
