-- After a restore: what was ended or used since the backup would be alive again, and nobody can tell which it was.

create or replace function authn._home() returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cluster text := '';
begin
    begin
        select c.system_identifier::text into v_cluster from pg_control_system() c;
    exception when insufficient_privilege then
        null;  -- some hosts keep it to themselves; the number of the database still tells most copies
    end;
    return v_cluster || '/' || (select d.oid from pg_database d where d.datname = current_database());
end
$$;
comment on function authn._home() is
    'This database, told from every other: a dump that is restored gets another number, on another machine another cluster. '
    'A replica that takes over keeps both.';

create or replace function authn.recognise_home() returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settled text;
begin
    insert into authn.database_home (home) values (authn._home()) on conflict do nothing;
    select h.home into v_settled from authn.database_home h;
    return v_settled = authn._home();
end
$$;
comment on function authn.recognise_home() is
    'Whether the data was served from this very database before, or never: false for a copy that came from a backup. The '
    'server asks at its start.';

create or replace function authn.settle_home() returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into authn.database_home (home) values (authn._home())
        on conflict (only_row) do update set home = excluded.home, settled_at = now();
end
$$;
comment on function authn.settle_home() is
    'Accepts this database as the home of the data: after end_what_a_backup_revived, or after a move that lost nothing.';

create or replace function authn._end_what_a_backup_revived(
    p_keep_api_keys boolean, p_keep_recovery_codes boolean, p_actor jsonb, p_namespace text
) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_sessions bigint;
    v_tokens bigint;
    v_verifications bigint;
    v_codes bigint;
    v_access_tokens bigint;
    v_families bigint;
    v_api_keys bigint := 0;
    v_recovery_codes bigint := 0;
    v_messages bigint;
    v_ended jsonb;
begin
    perform authn._apply_actor(p_actor);
    update authn.sessions s set revoked_at = now()
     where s.namespace = p_namespace and s.revoked_at is null and s.expires_at > now();
    get diagnostics v_sessions = row_count;
    update authn.tokens t set used_at = now() where t.namespace = p_namespace and t.used_at is null;
    get diagnostics v_tokens = row_count;
    -- The link in a mail and the code beside it. A flow whose mailbox was proven might set a new password.
    update authn.verifications v set used_at = coalesce(v.used_at, now()), approved_at = null
     where v.namespace = p_namespace and (v.used_at is null or v.approved_at is not null);
    get diagnostics v_verifications = row_count;
    update authn.login_flows f set expires_at = now(), recovered_at = null
     where f.namespace = p_namespace and f.finished_at is null and f.expires_at > now();
    -- Somebody may have said no after the backup was taken.
    update authn.second_step_recoveries r set stopped_at = now(), reminders = '{}'
     where r.namespace = p_namespace and r.stopped_at is null and r.finished_at is null and r.expires_at > now();
    update authn.authorization_codes c set used_at = now() where c.namespace = p_namespace and c.used_at is null;
    get diagnostics v_codes = row_count;
    update authn.access_tokens t set revoked_at = now()
     where t.namespace = p_namespace and t.revoked_at is null and t.expires_at > now();
    get diagnostics v_access_tokens = row_count;
    update authn.refresh_token_families f set ended_at = now(), ended_reason = 'backup_restored'
     where f.namespace = p_namespace and f.ended_at is null;
    get diagnostics v_families = row_count;
    if not p_keep_api_keys then
        update authn.api_keys k set revoked_at = now() where k.namespace = p_namespace and k.revoked_at is null;
        get diagnostics v_api_keys = row_count;
    end if;
    if not p_keep_recovery_codes then
        delete from authn.mfa_secrets m where m.namespace = p_namespace and m.mfa_type = 'recovery_codes';
        get diagnostics v_recovery_codes = row_count;
    end if;
    -- They were sent long ago, and the codes and links in them are dead now.
    delete from authn.outbox o where o.namespace = p_namespace and o.sent_at is null and o.failed_at is null;
    get diagnostics v_messages = row_count;
    v_ended := jsonb_build_object(
        'sessions', v_sessions, 'tokens', v_tokens, 'verifications', v_verifications, 'authorization_codes', v_codes,
        'access_tokens', v_access_tokens, 'refresh_token_families', v_families, 'api_keys', v_api_keys,
        'recovery_code_sets', v_recovery_codes, 'messages', v_messages
    );
    perform authn._audit('backup_restored', 'namespace', p_namespace, null, v_ended, p_namespace);
    perform authn._leave(v_outer);
    return v_ended;
end
$$;
comment on function authn._end_what_a_backup_revived(boolean, boolean, jsonb, text) is
    'end_what_a_backup_revived for one tenant; returns how many of each kind were ended.';

create or replace function authn.end_what_a_backup_revived(
    p_keep_api_keys boolean default false, p_keep_recovery_codes boolean default false, p_actor jsonb default null
) returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_namespace text;
    v_total jsonb := '{}';
begin
    for v_namespace in select n from authn._known_namespaces() n loop
        select jsonb_object_agg(e.key, e.value::bigint + coalesce((v_total ->> e.key)::bigint, 0)) into v_total
          from jsonb_each_text(authn._end_what_a_backup_revived(
                   coalesce(p_keep_api_keys, false), coalesce(p_keep_recovery_codes, false), p_actor, v_namespace
               )) e;
    end loop;
    perform authn.settle_home();
    return v_total;
end
$$;
comment on function authn.end_what_a_backup_revived(boolean, boolean, jsonb) is
    'The last step of a restore, in every tenant: ends sessions, grants of apps, mailed links and codes, API keys and '
    'recovery codes, because each may have been ended or used after the backup, and drops messages that wait to be sent '
    'again. Crosses tenants on purpose. Returns how many of each kind were ended.';

revoke all on function authn._home(), authn.recognise_home(), authn.settle_home(),
    authn._end_what_a_backup_revived(boolean, boolean, jsonb, text),
    authn.end_what_a_backup_revived(boolean, boolean, jsonb) from public;
grant execute on function authn._home(), authn._end_what_a_backup_revived(boolean, boolean, jsonb, text) to portal_system;
grant execute on function authn.recognise_home(), authn.settle_home(),
    authn.end_what_a_backup_revived(boolean, boolean, jsonb) to portal_app;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn.recognise_home() owner to portal_system;
alter function authn.settle_home() owner to portal_system;
alter function authn.end_what_a_backup_revived(boolean, boolean, jsonb) owner to portal_system;
