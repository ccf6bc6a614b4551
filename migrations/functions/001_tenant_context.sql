-- The tenant context: which namespace a transaction works for. Row-level security reads it; without one there are no rows.

create or replace function authn._check_namespace(p_namespace text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_namespace is null then
        raise exception 'namespace must not be null' using errcode = '22004';
    end if;
    if p_namespace ~ '^[\s\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$' then
        raise exception 'namespace must not be empty' using errcode = '22026';
    end if;
    if length(p_namespace) > 1024 then
        raise exception 'namespace must be at most 1024 characters long' using errcode = '22001';
    end if;
    -- Listed, because what \s and [[:cntrl:]] match beyond ASCII depends on the locale the cluster was made with.
    if p_namespace ~ '[\u0001-\u001f\u007f-\u009f]'
        or p_namespace ~ '^[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
        or p_namespace ~ '[ \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$'
    then
        raise exception 'namespace must have no control characters and no outer white space' using errcode = '22023';
    end if;
end
$$;
comment on function authn._check_namespace(text) is
    'Raises unless the name is 1 to 1024 characters without control characters and outer white space.';

create or replace function authn._enter(p_namespace text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := coalesce(current_setting('authn.tenant_id', true), '');
    v_set text;
begin
    -- The common case first: inside a context the name was checked when the context was set.
    if v_outer <> '' and v_outer = p_namespace then
        return v_outer;
    end if;
    perform authn._check_namespace(p_namespace);
    -- Another tenant's context stays: reads then find nothing and row-level security refuses writes.
    if v_outer = '' then
        -- Assigned, not performed: PERFORM is a query of its own and costs ten times as much.
        v_set := set_config('authn.tenant_id', p_namespace, true);
    end if;
    return v_outer;
end
$$;
comment on function authn._enter(text) is
    'Checks the namespace and makes it the tenant context, unless there is one. Returns the context found, for _leave.';

create or replace function authn._leave(p_outer text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_set text;
begin
    v_set := set_config('authn.tenant_id', p_outer, true);
end
$$;
comment on function authn._leave(text) is
    'Puts the tenant context back. An error needs no _leave: PostgreSQL restores the setting with the transaction.';

create or replace function authn._check_context(p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('authn.tenant_id', true) is distinct from p_namespace then
        raise exception 'the transaction works for another tenant' using errcode = '42501';
    end if;
end
$$;
comment on function authn._check_context(text) is
    'Refuses a write into a namespace while another tenant''s context is set, where no row would meet the policy.';

create or replace function authn.set_tenant(p_tenant_id text) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._check_namespace(p_tenant_id);
    perform set_config('authn.tenant_id', p_tenant_id, true);
end
$$;
comment on function authn.set_tenant(text) is
    'Makes a namespace the tenant context until the transaction ends. In autocommit that is at once.';

create or replace function authn.clear_tenant() returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('authn.tenant_id', '', true);
end
$$;
comment on function authn.clear_tenant() is 'Takes the tenant context away: no row of any table is visible then.';

revoke all on function authn._check_namespace(text), authn._enter(text), authn._leave(text), authn._check_context(text),
    authn.set_tenant(text), authn.clear_tenant() from public;
grant execute on function authn._check_namespace(text), authn._enter(text), authn._leave(text),
    authn._check_context(text) to portal_system;
grant execute on function authn.set_tenant(text), authn.clear_tenant() to portal_app;
