#include "../../../app/login/person.h"

#include "../check.h"
#include "../json.h"

#include <string.h>

static char *no_texts[] = {NULL};
static struct config_login login;
static struct person person;

static void begin(void)
{
        login = (struct config_login){
                .issuer = "https://idp.example",
                .claim_email = "email",
                .claim_subject = "sub",
                .claim_groups = "groups",
        };
}

TestSuite(person, .init = begin);

/* NULL, or why not. */
static const char *read_claims(const char *text)
{
        json_t *claims = json_from(text);
        const char *why = person_from_claims(&person, &login, claims);

        json_decref(claims);
        if (why == NULL)
                why = person_is_refused(&person, &login);
        return why;
}

static void check_refused(const char *claims, const char *want)
{
        const char *why = read_claims(claims);

        cr_assert_not_null(why, "%s", claims);
        cr_assert_not_null(strstr(why, want), "%s: %s", claims, why);
        person_finish(&person);
}

static void check_taken(const char *claims)
{
        const char *why = read_claims(claims);

        cr_assert_null(why, "%s: %s", claims, why);
        person_finish(&person);
}

Test(person, claims_are_read)
{
        cr_assert_null(read_claims("{'email':'Ada@Example.com','email_verified':true,'sub':'1',"
                                   "'groups':['a','b',3,'',null,'c\\u0000d']}"));
        cr_assert_str_eq(person.email, "Ada@Example.com");
        cr_assert_str_eq(person.subject, "1");
        cr_assert_str_eq(person.domain, "example.com");
        cr_assert_str_eq(person.groups[0], "a");
        cr_assert_str_eq(person.groups[1], "b");
        cr_assert_null(person.groups[2], "no NUL cuts a group short");
        person_finish(&person);
        cr_assert_null(read_claims("{'email':'a@b.c','email_verified':'true','sub':'1',"
                                   "'groups':'alone'}"));
        cr_assert_str_eq(person.groups[0], "alone");
        person_finish(&person);
}

Test(person, an_address_must_be_verified)
{
        check_refused("{'email':'a@b.c','sub':'1'}", "has been verified");
        check_refused("{'email':'a@b.c','sub':'1','email_verified':false}", "has been verified");
        check_refused("{'email':'a@b.c','sub':'1','email_verified':'yes'}", "has been verified");
        check_refused("{'email':'a@b.c','sub':'1','email_verified':1}", "has been verified");
        /* but for a claim that the operator trusts */
        login.claim_email = "upn";
        check_taken("{'upn':'a@b.c','sub':'1'}");
}

Test(person, what_names_nobody)
{
        check_refused("{'email_verified':true,'sub':'1'}", "which email address");
        check_refused("{'email':'','email_verified':true,'sub':'1'}", "which email address");
        check_refused("{'email':['a@b.c'],'email_verified':true,'sub':'1'}", "which email");
        check_refused("{'email':'a b@c.d','email_verified':true,'sub':'1'}", "which email");
        check_refused("{'email':'a@b.c\\u0000','email_verified':true,'sub':'1'}", "which email");
        check_refused("{'email':'\\u00e9@b.c','email_verified':true,'sub':'1'}", "which email");
        check_refused("{'email':'a@b.c','email_verified':true}", "which account");
        check_refused("{'email':'a@b.c','email_verified':true,'sub':7}", "which account");
}

Test(person, domains)
{
        char *domains[] = {"Example.com", "gmail.com", NULL};

        login.domains = domains;
        check_taken("{'email':'a@EXAMPLE.com','email_verified':true,'sub':'1'}");
        check_refused("{'email':'a@evil.example','email_verified':true,'sub':'1'}", "organization");
        check_refused("{'email':'a@sub.example.com','email_verified':true,'sub':'1'}",
                      "organization");
        check_refused("{'email':'a@evil-example.com','email_verified':true,'sub':'1'}",
                      "organization");
        check_refused("{'email':'a@example.com@evil.example','email_verified':true,'sub':'1'}",
                      "organization");
        check_refused("{'email':'example.com','email_verified':true,'sub':'1'}", "organization");
        /* another provider's hd says nothing */
        check_refused("{'email':'a@evil.example','email_verified':true,'sub':'1',"
                      "'hd':'example.com'}",
                      "organization");
}

Test(person, of_google_hd_tells_the_domain)
{
        char *domains[] = {"example.com", "gmail.com", NULL};

        login.issuer = CONFIG_LOGIN_GOOGLE;
        login.domains = domains;
        check_taken("{'email':'a@example.com','email_verified':true,'sub':'1','hd':'example.com'}");
        check_taken("{'email':'a@alias.example','email_verified':true,'sub':'1',"
                    "'hd':'Example.com'}");
        check_refused("{'email':'a@example.com','email_verified':true,'sub':'1'}", "organization");
        check_refused("{'email':'a@example.com','email_verified':true,'sub':'1','hd':'evil.org'}",
                      "organization");
        check_taken("{'email':'a@gmail.com','email_verified':true,'sub':'1'}");
        domains[1] = "*";
        check_taken("{'email':'a@example.org','email_verified':true,'sub':'1'}");
}

Test(person, groups)
{
        char *groups[] = {"dev", "ops", NULL};

        login.groups = groups;
        check_taken("{'email':'a@b.c','email_verified':true,'sub':'1','groups':['x','ops']}");
        check_refused("{'email':'a@b.c','email_verified':true,'sub':'1','groups':['x','OPS']}",
                      "groups");
        check_refused("{'email':'a@b.c','email_verified':true,'sub':'1','groups':[]}", "groups");
        check_refused("{'email':'a@b.c','email_verified':true,'sub':'1'}", "groups");
        login.groups = no_texts;
        check_refused("{'email':'a@b.c','email_verified':true,'sub':'1','groups':['x']}", "groups");
}

Test(person, what_is_missing_is_asked_for)
{
        char *groups[] = {"dev", NULL};
        json_t *claims = json_from("{'email':'a@b.c','sub':'1'}");

        cr_assert(person_misses_claims(&login, claims));
        json_object_set_new(claims, "email_verified", json_true());
        cr_assert_not(person_misses_claims(&login, claims));
        login.groups = groups;
        cr_assert(person_misses_claims(&login, claims));
        login.groups = NULL;
        login.claim_email = "upn";
        cr_assert(person_misses_claims(&login, claims));
        json_decref(claims);
}

Test(person, is_kept_as_json)
{
        struct person again;
        json_t *object;

        cr_assert_null(read_claims("{'email':'a@b.c','email_verified':true,'sub':'1',"
                                   "'groups':['x','y']}"));
        person.ends_ms = 12345;
        object = person_to_json(&person);
        cr_assert(person_from_json(&again, object));
        check_int(again.source, IDENTITY_LOGIN);
        cr_assert_str_eq(again.email, "a@b.c");
        cr_assert_str_eq(again.subject, "1");
        cr_assert_str_eq(again.domain, "b.c");
        cr_assert_str_eq(again.groups[1], "y");
        check_int(again.ends_ms, 12345);
        person_finish(&again);
        json_object_del(object, "e");
        cr_assert_not(person_from_json(&again, object));
        person_finish(&again);
        json_decref(object);
        person_finish(&person);
}

Test(person, a_provider_that_is_not_asked_any_more_lets_nobody_in)
{
        login.issuer = "";
        check_refused("{'email':'a@b.c','email_verified':true,'sub':'1'}", "any more");
}
