-- Acceptance of the terms: noted in the flow where it was given, written down with the account that comes of it.

create or replace function authn._terms_due(p_user_id uuid, p_namespace text) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version text := authn._policy(p_namespace) ->> 'terms_version';
begin
    if v_version is null or exists (
        select 1 from authn.terms_acceptances t
         where t.namespace = p_namespace and t.user_id = p_user_id and t.version = v_version
    ) then
        return null;
    end if;
    return v_version;
end
$$;
comment on function authn._terms_due(uuid, text) is
    'The version of the terms that a person has yet to accept, or NULL. Known by equality: a version that was put back is '
    'not asked again of those who accepted it.';

create or replace function authn._accept_terms(p_user_id uuid, p_version text, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_version is null then
        return;
    end if;
    insert into authn.terms_acceptances (namespace, user_id, version)
    values (p_namespace, p_user_id, p_version)
    on conflict do nothing;
    if found then
        perform authn._audit('terms_accepted', 'user', p_user_id::text, null, jsonb_build_object('version', p_version),
                             p_namespace);
    end if;
end
$$;
comment on function authn._accept_terms(uuid, text, text) is
    'Writes down that a person accepted a version of the terms, once; NULL, nothing accepted, changes nothing.';

create or replace function authn.note_terms(
    p_flow_id uuid, p_browser_digest text, p_version text, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_found boolean;
begin
    -- Only the version that is asked for now: a page that was open while it changed has shown another text.
    update authn.login_flows f
       set terms_version = p_version
     where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.finished_at is null and f.expires_at > now()
       and p_version = authn._policy(p_namespace) ->> 'terms_version'
    returning true into v_found;
    perform authn._leave(v_outer);
    return coalesce(v_found, false);
end
$$;
comment on function authn.note_terms(uuid, text, text, text) is
    'Notes in a flow that the person before this browser accepts this version of the terms. False when the flow cannot go on '
    'here, or another version is asked for by now.';

create or replace function authn.end_login_flow(p_flow_id uuid, p_browser_digest text, p_namespace text default 'default')
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_found boolean;
begin
    update authn.login_flows f
       set finished_at = now()
     where f.id = p_flow_id and f.namespace = p_namespace and f.browser_digest = p_browser_digest
       and f.finished_at is null
    returning true into v_found;
    perform authn._leave(v_outer);
    return coalesce(v_found, false);
end
$$;
comment on function authn.end_login_flow(uuid, text, text) is
    'Ends a flow without a session: the person declined. False when it had ended or is another browser''s.';

revoke all on function authn._terms_due(uuid, text), authn._accept_terms(uuid, text, text),
    authn.note_terms(uuid, text, text, text), authn.end_login_flow(uuid, text, text) from public;
grant execute on function authn.note_terms(uuid, text, text, text), authn.end_login_flow(uuid, text, text) to portal_app;
