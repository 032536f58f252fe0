"use strict";

const ui = SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#swagger",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const form = document.getElementById("login");
const status = document.getElementById("status");

/** The access token; throws an Error with a sentence for people. */
async function logIn(credentials) {
  const response = await fetch("/api/v1/accounts/auth/login/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(credentials),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  if (!answer.access) throw new Error("A second factor is needed: verify it below, then Authorize");
  return answer.access;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const credentials = Object.fromEntries(new FormData(form));
  status.value = "";
  try {
    ui.preauthorizeApiKey("bearer", await logIn(credentials));
    form.reset();
    status.value = `Logged in as ${credentials.username}`;
  } catch (error) {
    status.value = error.message;
  }
});
