-- What a namespace asks of logins and sign-ups: `settings -> 'policy'`, written here only, and namespaces themselves.
-- A key or value that is not known is an error: a policy that half applies is worse than none.

create or replace function authn._check_policy_value(p_key text, p_value jsonb) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type text := jsonb_typeof(p_value);
    v_text text := p_value #>> '{}';
    v_least integer;
    v_most integer;
    v_pattern text;
begin
    case p_key
        when 'second_factor' then v_pattern := '^(optional|required)$';
        when 'signup' then v_pattern := '^(open|invite|closed)$';
        when 'terms_version' then v_pattern := '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$';
        when 'terms_url', 'privacy_url' then v_pattern := '^https?://[^[:space:]"<>\\]+$';
        when 'methods' then v_pattern := '^[a-z][a-z_]{0,39}$';
        when 'signup_domains', 'signup_refused_domains' then
            v_pattern := '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$';
        when 'sms_countries' then v_pattern := '^\+[1-9][0-9]{0,5}$';
        when 'password_min_length' then v_least := 8; v_most := 64;
        when 'session_idle_hours' then v_least := 1; v_most := 8760;
        when 'session_absolute_hours' then v_least := 1; v_most := 8760;
        when 'login_link_minutes' then v_least := 1; v_most := 60;
        when 'sms_per_number' then v_least := 1; v_most := 100;
        when 'sms_per_country' then v_least := 0; v_most := 1000000;
        when 'sms_per_day' then v_least := 0; v_most := 10000000;
        when 'proof_of_work' then
            if v_type not in ('boolean', 'null') then
                raise exception 'proof_of_work must be true or false' using errcode = '22023';
            end if;
            return;
        else
            raise exception '% is no part of a policy', left(p_key, 40) using errcode = '22023';
    end case;
    if v_type = 'null' then
        return;
    end if;
    if v_least is not null then
        if v_type <> 'number' or v_text !~ '^[0-9]{1,8}$' or v_text::integer not between v_least and v_most then
            raise exception '% must be a whole number between % and %', p_key, v_least, v_most using errcode = '22023';
        end if;
    elsif p_key in ('methods', 'signup_domains', 'signup_refused_domains', 'sms_countries') then
        -- An empty list would shut everybody out, or mean nothing: null takes a list away.
        if v_type <> 'array' or jsonb_array_length(p_value) not between 1 and 1000
            or exists (
                select 1 from jsonb_array_elements(p_value) item
                 where jsonb_typeof(item) <> 'string' or item #>> '{}' !~ v_pattern)
        then
            raise exception '% must be a list of such values as the documentation shows', p_key using errcode = '22023';
        end if;
    elsif v_type <> 'string' or length(v_text) > 1000 or v_text !~ v_pattern then
        raise exception '% has a value that it cannot have', p_key using errcode = '22023';
    end if;
end
$$;
comment on function authn._check_policy_value(text, jsonb) is
    'Raises 22023 unless it is a key of a policy with a value that the key may have; null, which puts it back to its default, '
    'always may. docs/operating.md lists them.';

create or replace function authn.set_namespace_policy(p_changes jsonb, p_actor jsonb, p_namespace text default 'default')
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_key text;
    v_value jsonb;
    v_old jsonb;
    v_new jsonb;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    perform authn._require(p_changes is not null, 'changes');
    if jsonb_typeof(p_changes) <> 'object' then
        raise exception 'changes must be an object' using errcode = '22023';
    end if;
    for v_key, v_value in select c.key, c.value from jsonb_each(p_changes) c loop
        perform authn._check_policy_value(v_key, v_value);
    end loop;
    if p_namespace = 'default' then
        -- It exists without a row; the first setting of its own makes one.
        insert into authn.namespaces (namespace) values ('default') on conflict do nothing;
    end if;
    select coalesce(n.settings -> 'policy', '{}') into v_old
      from authn.namespaces n where n.namespace = p_namespace for no key update;
    if not found then
        raise exception 'there is no such namespace' using errcode = '23503';
    end if;
    v_new := jsonb_strip_nulls(v_old || p_changes);
    if (v_new ->> 'session_idle_hours')::integer > coalesce((v_new ->> 'session_absolute_hours')::integer, 2160) then
        raise exception 'session_idle_hours must not be more than session_absolute_hours' using errcode = '22023';
    end if;
    if v_new is distinct from v_old then
        update authn.namespaces n
           set settings = jsonb_set(n.settings, '{policy}', v_new)
         where n.namespace = p_namespace;
        perform authn._audit('namespace_updated', 'namespace', p_namespace, jsonb_build_object('policy', v_old),
                             jsonb_build_object('policy', v_new), p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_new;
end
$$;
comment on function authn.set_namespace_policy(jsonb, jsonb, text) is
    'Changes the given keys of a namespace''s policy, null puts one back to its default, and returns the policy as stored. '
    '22023 for an unknown key or value, and then nothing is changed; 23503 for an unknown namespace.';

create or replace function authn._policy(p_namespace text) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select n.settings -> 'policy' from authn.namespaces n where n.namespace = p_namespace), '{}');
end
$$;
comment on function authn._policy(text) is 'A namespace''s policy as stored: what is missing has its default.';

create or replace function authn.create_namespace(p_namespace text, p_display_name text, p_actor jsonb) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_made boolean;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    perform authn._check_label(p_display_name, 'display_name');
    insert into authn.namespaces (namespace, settings)
    values (p_namespace, jsonb_strip_nulls(jsonb_build_object('display_name', p_display_name)))
    on conflict do nothing
    returning true into v_made;
    if v_made then
        perform authn._audit('namespace_created', 'namespace', p_namespace, null, null, p_namespace);
    end if;
    perform authn._leave(v_outer);
    return coalesce(v_made, false);
end
$$;
comment on function authn.create_namespace(text, text, jsonb) is
    'Registers a namespace with the name that its pages show; false when it is there already.';

create or replace function authn.add_namespace_host(p_host text, p_actor jsonb, p_namespace text) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_host text := lower(p_host);
    v_made boolean;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    perform authn._check_text(p_host, 'host', 255);
    if v_host !~ '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$' then
        raise exception 'host must be a host name, with a port where it is not the usual one' using errcode = '22023';
    end if;
    perform 1 from authn.namespaces n where n.namespace = p_namespace;
    if not found then
        raise exception 'there is no such namespace' using errcode = '23503';
    end if;
    insert into authn.namespace_hosts (host, namespace) values (v_host, p_namespace)
    on conflict do nothing
    returning true into v_made;
    if v_made then
        perform authn._audit('namespace_host_added', 'namespace', p_namespace, null, jsonb_build_object('host', v_host),
                             p_namespace);
    end if;
    perform authn._leave(v_outer);
    return coalesce(v_made, false);
end
$$;
comment on function authn.add_namespace_host(text, jsonb, text) is
    'Lets a host lead to a namespace; false when it leads to one already, whichever that is.';

create or replace function authn.list_namespaces()
returns table (namespace text, display_name text, policy jsonb, hosts text[], suspended boolean)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
        select n.namespace, n.settings ->> 'display_name', coalesce(n.settings -> 'policy', '{}'),
               array(select h.host from authn.namespace_hosts h where h.namespace = n.namespace order by h.host),
               n.suspended_at is not null
          from authn.namespaces n
        union all
        select 'default', null, '{}'::jsonb, '{}'::text[], false
         where not exists (select 1 from authn.namespaces n where n.namespace = 'default')
         order by 1;
end
$$;
comment on function authn.list_namespaces() is
    'Every namespace that is registered, and the default one, with its hosts and policy. Crosses tenants on purpose: for '
    'the command line.';

revoke all on function authn._check_policy_value(text, jsonb), authn._policy(text),
    authn.set_namespace_policy(jsonb, jsonb, text), authn.create_namespace(text, text, jsonb),
    authn.add_namespace_host(text, jsonb, text), authn.list_namespaces() from public;
grant execute on function authn.set_namespace_policy(jsonb, jsonb, text), authn.create_namespace(text, text, jsonb),
    authn.add_namespace_host(text, jsonb, text), authn.list_namespaces() to portal_app;

-- Last, for the owner may no longer touch a function that it has handed over.
alter function authn.list_namespaces() owner to portal_system;
