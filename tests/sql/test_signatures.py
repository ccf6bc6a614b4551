"""The contract that programs in other languages call by: names, order of parameters, defaults and columns."""

import asyncpg
import pytest

USER_COLUMNS = (
    "TABLE(user_id uuid, email text, email_verified_at timestamp with time zone, disabled_at timestamp with time zone, "
    "created_at timestamp with time zone, updated_at timestamp with time zone, id uuid)"
)
NAMESPACE = "p_namespace text DEFAULT 'default'::text"
TIME = "timestamp with time zone"

SIGNATURES = {
    "create_user": (f"p_email text, p_password_hash text DEFAULT NULL::text, {NAMESPACE}", "uuid"),
    "get_user": (f"p_user_id uuid, {NAMESPACE}", USER_COLUMNS),
    "get_user_by_email": (f"p_email text, {NAMESPACE}", USER_COLUMNS),
    "list_users": (f"{NAMESPACE}, p_limit integer DEFAULT 100, p_cursor uuid DEFAULT NULL::uuid", USER_COLUMNS),
    "update_email": (f"p_user_id uuid, p_new_email text, {NAMESPACE}", "boolean"),
    "disable_user": (f"p_user_id uuid, {NAMESPACE}", "boolean"),
    "enable_user": (f"p_user_id uuid, {NAMESPACE}", "boolean"),
    "delete_user": (f"p_user_id uuid, {NAMESPACE}", "boolean"),
    "get_credentials": (
        f"p_email text, {NAMESPACE}",
        f"TABLE(user_id uuid, password_hash text, disabled_at {TIME})",
    ),
    "update_password": (f"p_user_id uuid, p_new_password_hash text, {NAMESPACE}", "boolean"),
    "create_session": (
        "p_user_id uuid, p_token_hash text, p_expires_in interval DEFAULT NULL::interval, "
        f"p_ip_address inet DEFAULT NULL::inet, p_user_agent text DEFAULT NULL::text, {NAMESPACE}",
        "uuid",
    ),
    "validate_session": (f"p_token_hash text, {NAMESPACE}", "TABLE(user_id uuid, email text, session_id uuid)"),
    "extend_session": (f"p_token_hash text, p_extend_by interval DEFAULT NULL::interval, {NAMESPACE}", TIME),
    "revoke_session": (f"p_token_hash text, {NAMESPACE}", "boolean"),
    "revoke_session_by_id": (f"p_session_id uuid, p_user_id uuid, {NAMESPACE}", "boolean"),
    "revoke_other_sessions": (f"p_user_id uuid, p_except_session_id uuid, {NAMESPACE}", "integer"),
    "revoke_all_sessions": (f"p_user_id uuid, {NAMESPACE}", "integer"),
    "list_sessions": (
        f"p_user_id uuid, {NAMESPACE}",
        f"TABLE(id uuid, created_at {TIME}, expires_at {TIME}, ip_address inet, user_agent text, session_id uuid)",
    ),
    "create_token": (
        "p_user_id uuid, p_token_hash text, p_token_type text, p_expires_in interval DEFAULT NULL::interval, "
        f"{NAMESPACE}",
        "uuid",
    ),
    "consume_token": (f"p_token_hash text, p_token_type text, {NAMESPACE}", "TABLE(user_id uuid, email text)"),
    "verify_email": (f"p_token_hash text, {NAMESPACE}", "TABLE(user_id uuid, email text)"),
    "invalidate_tokens": (f"p_user_id uuid, p_token_type text, {NAMESPACE}", "integer"),
    "add_mfa": (
        f"p_user_id uuid, p_mfa_type text, p_secret text, p_name text DEFAULT NULL::text, {NAMESPACE}",
        "uuid",
    ),
    "get_mfa": (
        f"p_user_id uuid, p_mfa_type text, {NAMESPACE}",
        "TABLE(id uuid, secret text, name text, mfa_id uuid)",
    ),
    "list_mfa": (
        f"p_user_id uuid, {NAMESPACE}",
        f"TABLE(id uuid, mfa_type text, name text, created_at {TIME}, last_used_at {TIME}, mfa_id uuid)",
    ),
    "has_mfa": (f"p_user_id uuid, {NAMESPACE}", "boolean"),
    "record_mfa_use": (f"p_mfa_id uuid, {NAMESPACE}", "boolean"),
    "remove_mfa": (f"p_mfa_id uuid, {NAMESPACE}", "boolean"),
    "create_api_key": (
        "p_user_id uuid, p_key_hash text, p_name text DEFAULT NULL::text, "
        f"p_expires_in interval DEFAULT NULL::interval, {NAMESPACE}",
        "uuid",
    ),
    "validate_api_key": (
        f"p_key_hash text, {NAMESPACE}",
        f"TABLE(user_id uuid, key_id uuid, name text, expires_at {TIME})",
    ),
    "list_api_keys": (
        f"p_user_id uuid, {NAMESPACE}",
        f"TABLE(key_id uuid, name text, created_at {TIME}, expires_at {TIME}, last_used_at {TIME})",
    ),
    "revoke_api_key": (f"p_key_id uuid, {NAMESPACE}", "boolean"),
    "revoke_all_api_keys": (f"p_user_id uuid, {NAMESPACE}", "integer"),
    "record_login_attempt": (
        f"p_email text, p_success boolean, p_ip_address inet DEFAULT NULL::inet, {NAMESPACE}",
        "void",
    ),
    "is_locked_out": (
        f"p_email text, {NAMESPACE}, p_window interval DEFAULT NULL::interval, "
        "p_max_attempts integer DEFAULT NULL::integer",
        "boolean",
    ),
    "get_recent_attempts": (
        f"p_email text, {NAMESPACE}, p_limit integer DEFAULT 10",
        f"TABLE(success boolean, ip_address inet, attempted_at {TIME})",
    ),
    "clear_attempts": (f"p_email text, {NAMESPACE}", "bigint"),
    "set_actor": (
        "p_actor_id text, p_request_id text DEFAULT NULL::text, p_ip_address text DEFAULT NULL::text, "
        "p_user_agent text DEFAULT NULL::text, p_on_behalf_of text DEFAULT NULL::text, "
        "p_reason text DEFAULT NULL::text",
        "void",
    ),
    "clear_actor": ("", "void"),
    "create_audit_partition": ("p_year integer, p_month integer", "text"),
    "ensure_audit_partitions": ("p_months_ahead integer DEFAULT 3", "SETOF text"),
    "drop_audit_partitions": ("p_older_than_months integer DEFAULT 84", "SETOF text"),
    "set_tenant": ("p_tenant_id text", "void"),
    "clear_tenant": ("", "void"),
    "cleanup_expired": (
        f"{NAMESPACE}, p_batch_size integer DEFAULT 10000",
        "TABLE(sessions_deleted bigint, tokens_deleted bigint, attempts_deleted bigint, api_keys_deleted bigint)",
    ),
    "get_stats": (
        NAMESPACE,
        "TABLE(user_count bigint, verified_user_count bigint, disabled_user_count bigint, active_session_count bigint, "
        "mfa_enabled_user_count bigint, active_api_key_count bigint)",
    ),
}


@pytest.mark.parametrize("function", SIGNATURES)
async def test_each_function_has_the_promised_parameters_and_columns(
    superuser: asyncpg.Connection, function: str
) -> None:
    rows = await superuser.fetch(
        "SELECT pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result "
        "FROM pg_proc p WHERE p.pronamespace = 'authn'::regnamespace AND p.proname = $1",
        function,
    )
    assert [tuple(row) for row in rows] == [SIGNATURES[function]]
