-- Maintenance of one namespace: purging what is over, and counting what there is.

create or replace function authn.cleanup_expired(p_namespace text default 'default', p_batch_size integer default 10000)
returns table (sessions_deleted bigint, tokens_deleted bigint, attempts_deleted bigint, api_keys_deleted bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_batch integer := coalesce(p_batch_size, 10000);
    v_keep_attempts interval := authn._setting_interval('login_attempts_retention', interval '30 days');
begin
    if v_batch < 1 then
        raise exception 'batch_size must be at least 1' using errcode = '22023';
    end if;
    -- Oldest first and bounded, by index: a purge of millions of rows is many short calls, none of which anyone notices.
    -- SKIP LOCKED: a row that somebody is using now can wait for the next call.
    delete from authn.sessions s
     where s.id = any (array(
               select d.id
                 from authn.sessions d
                where d.namespace = p_namespace and least(d.expires_at, d.revoked_at) <= now()
                order by least(d.expires_at, d.revoked_at)
                limit v_batch
                  for update skip locked
           ));
    get diagnostics sessions_deleted = row_count;
    delete from authn.tokens t
     where t.id = any (array(
               select d.id
                 from authn.tokens d
                where d.namespace = p_namespace and least(d.expires_at, d.used_at) <= now()
                order by least(d.expires_at, d.used_at)
                limit v_batch
                  for update skip locked
           ));
    get diagnostics tokens_deleted = row_count;
    delete from authn.login_attempts a
     where a.id = any (array(
               select d.id
                 from authn.login_attempts d
                where d.namespace = p_namespace and d.attempted_at <= now() - v_keep_attempts
                order by d.attempted_at
                limit v_batch
                  for update skip locked
           ));
    get diagnostics attempts_deleted = row_count;
    delete from authn.api_keys k
     where k.id = any (array(
               select d.id
                 from authn.api_keys d
                where d.namespace = p_namespace and least(d.expires_at, d.revoked_at) <= now()
                order by least(d.expires_at, d.revoked_at)
                limit v_batch
                  for update skip locked
           ));
    get diagnostics api_keys_deleted = row_count;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.cleanup_expired(text, integer) is
    'Deletes the namespace''s sessions and keys that are expired or revoked, tokens that are expired or used, and login '
    'attempts older than 30 days (setting authn.login_attempts_retention), at most p_batch_size of each; returns how many.';

create or replace function authn.get_stats(p_namespace text default 'default')
returns table (
    user_count bigint, verified_user_count bigint, disabled_user_count bigint, active_session_count bigint,
    mfa_enabled_user_count bigint, active_api_key_count bigint
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    select count(*), count(u.email_verified_at), count(u.disabled_at)
      into user_count, verified_user_count, disabled_user_count
      from authn.users u
     where u.namespace = p_namespace;
    select count(*)
      into active_session_count
      from authn.sessions s
     where s.namespace = p_namespace and s.revoked_at is null and s.expires_at > now();
    select count(distinct m.user_id)
      into mfa_enabled_user_count
      from authn.mfa_secrets m
     where m.namespace = p_namespace;
    select count(*)
      into active_api_key_count
      from authn.api_keys k
     where k.namespace = p_namespace and k.revoked_at is null and (k.expires_at is null or k.expires_at > now());
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.get_stats(text) is 'Counts the namespace''s users, sessions, authenticators and keys, exactly.';

revoke all on function authn.cleanup_expired(text, integer), authn.get_stats(text) from public;
grant execute on function authn.cleanup_expired(text, integer), authn.get_stats(text) to portal_app;
