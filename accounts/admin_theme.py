# SPDX-License-Identifier: Apache-2.0
"""The one place that chooses the admin theme: django-unfold when it is installed, else Django's own.

Base classes and widgets come from here, so that the project works with either. Pages do not use `ModelAdmin` as it
is but the classes of `accounts.admin_base`, which know tenants and roles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps

if TYPE_CHECKING:
    from django import forms
    from django.contrib import admin
    from django.contrib.admin.forms import AdminAuthenticationForm as LoginForm
    from django.contrib.admin.widgets import AdminTextareaWidget as Textarea
    from django.contrib.admin.widgets import AdminTextInputWidget as TextInput
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
    from django.contrib.auth.forms import AdminUserCreationForm as UserCreationForm
    from django.forms import CheckboxInput as Checkbox
    from django.forms import CheckboxSelectMultiple as CheckboxList
    from django.forms import Select

    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
elif apps.is_installed("unfold"):
    from django.forms import ModelForm
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.forms import AuthenticationForm as LoginForm
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as CheckboxList
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput
    from unfold.widgets import UnfoldBooleanSwitchWidget as Checkbox
else:
    from django.contrib.admin import ModelAdmin, TabularInline
    from django.contrib.admin.forms import AdminAuthenticationForm as LoginForm
    from django.contrib.admin.widgets import AdminTextareaWidget as Textarea
    from django.contrib.admin.widgets import AdminTextInputWidget as TextInput
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm
    from django.contrib.auth.forms import AdminUserCreationForm as UserCreationForm
    from django.forms import CheckboxInput as Checkbox
    from django.forms import CheckboxSelectMultiple as CheckboxList
    from django.forms import ModelForm, Select

__all__ = [
    "AdminPasswordChangeForm",
    "Checkbox",
    "CheckboxList",
    "LoginForm",
    "ModelAdmin",
    "ModelForm",
    "Select",
    "TabularInline",
    "TextInput",
    "Textarea",
    "UserChangeForm",
    "UserCreationForm",
]
